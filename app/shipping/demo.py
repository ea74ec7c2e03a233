"""How the demo shop sends: two zones, six ways."""

from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import Actor, record
from app.core.config import Settings
from app.core.countries import country_name
from app.shipping import repository
from app.shipping.models import MethodKind
from app.shipping.schemas import MethodWrite

MAX_LETTER_G = 1000
MAX_PARCEL_G = 20_000


async def set_up_shipping(session: AsyncSession, *, actor: Actor, shop: Settings) -> bool:
    """Give a shop that has no zone yet two, with methods; tell whether it had none.

    Parcels at home and abroad by weight, free at home from a value on, the shop to collect at,
    and downloads. Prices are numbers of the shop's currency that suit dollars, euros and pounds.
    """
    await repository.lock_zones(session)
    if await repository.has_zones(session):
        return False
    home = await repository.insert_zone(
        session, name=country_name(shop.country, "en"), is_rest_of_world=False
    )
    await repository.set_countries(session, zone_id=home, countries=[shop.country])
    abroad = await repository.insert_zone(session, name="Rest of the world", is_rest_of_world=True)
    methods = _methods(home=home, abroad=abroad, shop_name=shop.shop_name)
    for position, method in enumerate(methods, start=1):
        await repository.insert_method(session, method.model_dump() | {"position": position})
    await record(
        session,
        actor=actor,
        action="shipping.set_up_demo",
        after={"zones": 2, "methods": len(methods)},
    )
    return True


def _methods(*, home: int, abroad: int, shop_name: str) -> list[MethodWrite]:
    return [
        MethodWrite(
            kind=MethodKind.PARCEL,
            name="Book post",
            zone_id=home,
            max_weight_g=MAX_LETTER_G,
            price=Decimal("3.50"),
            free_from=Decimal("40.00"),
            days=5,
        ),
        MethodWrite(
            kind=MethodKind.PARCEL,
            name="Parcel",
            zone_id=home,
            max_weight_g=MAX_PARCEL_G,
            price=Decimal("5.90"),
            free_from=Decimal("60.00"),
            days=3,
        ),
        MethodWrite(
            kind=MethodKind.PARCEL,
            name="Small packet abroad",
            zone_id=abroad,
            max_weight_g=2 * MAX_LETTER_G,
            price=Decimal("12.50"),
            days=14,
        ),
        MethodWrite(
            kind=MethodKind.PARCEL,
            name="Parcel abroad",
            zone_id=abroad,
            max_weight_g=MAX_PARCEL_G,
            price=Decimal("24.90"),
            days=10,
        ),
        MethodWrite(
            kind=MethodKind.COLLECT,
            name="Collect in the shop",
            collect_at=f"{shop_name}\n1 Market Square",
            days=1,
        ),
        MethodWrite(kind=MethodKind.DIGITAL, name="Download", days=0),
    ]
