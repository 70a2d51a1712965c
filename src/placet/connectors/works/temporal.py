"""Series by Temporal Schedules, on the embedded server and on a cluster alike."""

from datetime import UTC, datetime, timedelta

from temporalio import activity
from temporalio.client import (
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleCalendarSpec,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleRange,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError, RPCStatusCode

from placet.domain.proposal import Recurrence

TICK = "placet.series-tick"
EVERY = {Recurrence.DAILY: timedelta(days=1), Recurrence.WEEKLY: timedelta(weeks=1)}
LAST_DAY_OF_EVERY_MONTH = 28
RPC_TIMEOUT = timedelta(seconds=10)


class TemporalSchedules:
    """The schedule of a series carries its id; its action is the tick, which writes the instance's row."""

    async def start(self, series: str, recurrence: Recurrence, note: str) -> None:
        info = activity.info()
        schedule = Schedule(
            action=ScheduleActionStartWorkflow(TICK, series, id=f"{series}-tick", task_queue=info.task_queue),
            spec=spec_of(recurrence, datetime.now(UTC)),
            # An instance that an outage made late is made once; older ones are not made up for.
            policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL, catchup_window=timedelta(days=1)),
            state=ScheduleState(note=note[:200]),
        )
        try:
            await activity.client().create_schedule(series, schedule, trigger_immediately=True, rpc_timeout=RPC_TIMEOUT)
        except ScheduleAlreadyRunningError:
            activity.logger.info("the schedule of %s is there already", series)

    async def stop(self, series: str) -> None:
        try:
            await activity.client().get_schedule_handle(series).delete(rpc_timeout=RPC_TIMEOUT)
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def spec_of(recurrence: Recurrence, now: datetime) -> ScheduleSpec:
    """Each day, week or month from now on, at this time of day (UTC); in short months not after the 28th."""
    if recurrence is Recurrence.MONTHLY:
        day = min(now.day, LAST_DAY_OF_EVERY_MONTH)
        calendar = ScheduleCalendarSpec(
            day_of_month=[ScheduleRange(day)],
            hour=[ScheduleRange(now.hour)],
            minute=[ScheduleRange(now.minute)],
            second=[ScheduleRange(now.second)],
        )
        return ScheduleSpec(calendars=[calendar], start_at=now + timedelta(days=7))
    every = EVERY[recurrence]
    offset = timedelta(seconds=int(now.timestamp()) % int(every.total_seconds()))
    # The first one is made at once, by whichever clock; the rhythm begins with the second.
    return ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every, offset=offset)], start_at=now + every / 2)
