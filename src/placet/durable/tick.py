"""What a series' schedule starts: it writes the row of the next instance, and nothing else starts a case."""

from datetime import timedelta

from temporalio import workflow

from placet.durable.course import PATIENT

SCHEDULED_AT = "TemporalScheduledStartTime"


@workflow.defn(name="placet.series-tick")
class SeriesTick:
    @workflow.run
    async def run(self, series: str) -> str | None:
        """Open the instance for the moment it was scheduled for; the same moment again opens nothing."""
        at = workflow.info().search_attributes.get(SCHEDULED_AT) or [workflow.info().start_time]
        slot = str(at[0].isoformat() if hasattr(at[0], "isoformat") else at[0])
        opened: str | None = await workflow.execute_activity(
            "works.tick",
            args=[series, slot],
            start_to_close_timeout=timedelta(seconds=20),
            retry_policy=PATIENT,
        )
        return opened
