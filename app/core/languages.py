"""Names of languages for people."""

from babel import Locale


def language_name(tag: str, locale: str) -> str:
    """Return a language's name in the language of a locale; the tag itself if it has none."""
    return str(Locale.parse(locale).languages.get(tag.replace("-", "_"), tag))
