"""Recommendations and lists on the shop's pages."""

from httpx import AsyncClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import utc_now
from app.recommendations.refreshing import refresh_also_bought, refresh_bestsellers
from tests.recommendations.buying import DAY, buy, make_books


async def test_shelves_on_the_page_of_a_book(client: AsyncClient, db_session: AsyncSession) -> None:
    one, other, else_ = await make_books(db_session, 3)
    now = utc_now()
    for number in range(3):
        await buy(db_session, [one, other], email=f"reader{number}@example.com", at=now - DAY)
        await buy(db_session, [else_], email=f"crowd{number}@example.com", at=now - DAY)
    await refresh_also_bought(db_session, now=now)
    await db_session.commit()
    page = (await client.get(f"/books/{one}", follow_redirects=True)).text
    assert "Readers also bought" in page
    assert "3 readers of this book also chose it" in page
    assert f"/books/{other}/volume-2-many" in page
    page = (await client.get(f"/books/{else_}", follow_redirects=True)).text
    assert "Readers also bought" not in page


async def test_pages_of_lists(client: AsyncClient, db_session: AsyncSession) -> None:
    (one,) = await make_books(db_session, 1)
    now = utc_now()
    await buy(db_session, [one], email="ada@example.com", at=now)
    await refresh_bestsellers(db_session, now=now)
    await db_session.execute(
        text(
            "INSERT INTO staff_picks (work_id, note, picked_by)"
            " SELECT work_id, '<b>Read</b> it.', 'Ann' FROM books"
        )
    )
    await db_session.commit()
    home = (await client.get("/")).text
    for name in ("bestsellers-week", "bestsellers-month", "new", "coming-soon", "staff-picks"):
        assert f'href="/lists/{name}"' in home
        assert (await client.get(f"/lists/{name}")).status_code == 200
    week = (await client.get("/lists/bestsellers-week")).text
    assert "No. 1" in week
    assert f"/books/{one}/volume-1-many" in week
    assert "&lt;b&gt;Read&lt;/b&gt; it." in (await client.get("/lists/staff-picks")).text
    assert "Nothing is on this list at the moment." in (await client.get("/lists/new")).text
    missing = await client.get("/lists/worst", headers={"Accept": "text/html"})
    assert missing.status_code == 404
