"""What the shop decides is taken from nobody, whatever they may do."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from app.core.schemas import WriteModel
from tests.access.routes import ENDPOINTS, Endpoint
from tests.access.shop import ADMIN, READER, Shop

OWNED: Mapping[str, Any] = {
    "id": 1,
    "user_id": 1,
    "role": "admin",
    "rights": ["settings"],
    "is_active": True,
    "is_admin": True,
    "email_verified_at": "2026-01-01T00:00:00Z",
    "password_hash": "x",
    "created_at": "2020-01-01T00:00:00Z",
    "updated_at": "2020-01-01T00:00:00Z",
    "deleted_at": None,
    "work_id": 1,
    "slug": "mine",
    "stock_quantity": 1_000,
    "on_hand": 1_000,
    "reserved": 0,
    "received": 1_000,
    "sold": 0,
    "popularity": 99,
    "avg_rating": 5,
    "review_count": 99,
    "verified_purchase": True,
    "cart_id": 1,
    "order_id": 1,
    "number": "N1",
    "status": "confirmed",
    "price": "0.01",
    "unit_price": "0.01",
    "total": "0.01",
    "total_price": "0.01",
    "currency": "XXX",
    "reserved_until": "2030-01-01T00:00:00Z",
}
"""Fields that are the shop's to set, and something that somebody might wish for."""

TAKEN = {
    ("BookCreate", "price"): "staff price books",
    ("BookUpdate", "price"): "staff price books",
    ("MethodWrite", "price"): "staff price shipping",
    ("MethodWrite", "is_active"): "staff offer ways of shipping, or do not",
    ("RightsUpdate", "rights"): "what an admin gives",
    ("ContributorWrite", "role"): "what somebody did for a book",
    ("SeriesWrite", "number"): "which volume a book is",
    ("ImportedBook", "price"): "a row of a file that staff bring in",
    ("ImportedBook", "popularity"): "likewise",
    ("ExportedBook", "price"): "likewise, as the shop has written it",
    ("ExportedBook", "popularity"): "likewise",
}
"""Fields of these names that are an endpoint's very business."""


def write_models() -> list[type[WriteModel]]:
    """Return the application's own schemas of what is sent."""
    return sorted(
        (model for model in _below(WriteModel) if model.__module__.startswith("app.")),
        key=lambda model: f"{model.__module__}.{model.__name__}",
    )


def _below(model: type[WriteModel]) -> Iterator[type[WriteModel]]:
    for child in model.__subclasses__():
        yield child
        yield from _below(child)


def bodies(endpoint: Endpoint) -> list[Any]:
    """Return the types of the JSON bodies that an endpoint takes."""
    params = endpoint.dependant.body_params if endpoint.dependant else []
    return [param.field_info.annotation for param in params]


def test_every_body_has_a_schema_that_refuses_what_it_does_not_know() -> None:
    others = [
        (endpoint.name, body)
        for endpoint in ENDPOINTS
        for body in bodies(endpoint)
        if not issubclass(body, WriteModel)
    ]
    assert others == []


@pytest.mark.parametrize("model", write_models(), ids=lambda model: str(model.__name__))
def test_no_schema_takes_what_the_shop_decides(model: type[WriteModel]) -> None:
    assert model.model_config["extra"] == "forbid"
    names = {field.alias or name for name, field in model.model_fields.items()}
    assert [name for name in names & OWNED.keys() if (model.__name__, name) not in TAKEN] == []
    foreign = {name: value for name, value in OWNED.items() if name not in names}
    with pytest.raises(ValidationError) as refusal:
        model.model_validate(foreign)
    refused = {
        error["loc"][0] for error in refusal.value.errors() if error["type"] == "extra_forbidden"
    }
    assert refused == foreign.keys()


@pytest.mark.parametrize("name", OWNED)
async def test_no_endpoint_takes_what_the_shop_decides(shop: Shop, name: str) -> None:
    asked = 0
    for endpoint in ENDPOINTS:
        for model in bodies(endpoint):
            if (model.__name__, name) in TAKEN:
                continue
            example = shop.example(endpoint).json
            role = READER if endpoint.is_of_its_owner else ADMIN
            async with shop.asked(endpoint, role, json=example | {name: OWNED[name]}) as response:
                assert response.status_code == 422, (endpoint.name, response.text)
                assert [(error["type"], error["loc"]) for error in response.json()["detail"]] == [
                    ("extra_forbidden", ["body", name])
                ], endpoint.name
                assert not await shop.has_written(), endpoint.name
            asked += 1
    assert asked > 20
    assert await shop.is_as_filled()
