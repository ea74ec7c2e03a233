"""What is always true of reviews at rest, and looking for where it is not."""

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.findings import SHOWN, Finding
from app.reviews import repository


async def find_breaches(session: AsyncSession) -> list[Finding]:
    """Return works whose ratings do not add up, and reviews that are at a wrong work."""
    return [
        *(
            Finding(
                invariant="a work's ratings are those of its public reviews",
                subject=f"work {work.id}",
                detail=f"{work.rating_count} ratings of {work.rating_sum} stars are counted"
                f" ({work.rating_histogram}), {work.reviews} reviews are public",
            )
            for work in await repository.list_wrong_ratings(session, limit=SHOWN)
        ),
        *(
            Finding(
                invariant="a review belongs to the work of its edition",
                subject=f"review {review.id}",
                detail=f"work {review.work_id} instead of {review.work_of_book}",
            )
            for review in await repository.list_strayed(session, limit=SHOWN)
        ),
    ]
