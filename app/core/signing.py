"""Words that a browser keeps for the shop and cannot change."""

from itsdangerous import URLSafeSerializer

from app.core.config import Settings


def signer(purpose: str, settings: Settings) -> URLSafeSerializer:
    """Return what signs and reads values for one purpose; signed for another, none is taken.

    The present secret signs. What a former one signed is read as long as the settings name it.
    """
    oldest_first = list(reversed(settings.signing_secrets))
    return URLSafeSerializer(oldest_first, salt=purpose)
