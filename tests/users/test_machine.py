"""Sign-ins through sequences that nobody thought of, beside a model in memory."""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, MultipleResults, initialize, invariant, multiple, rule
from sqlalchemy.ext.asyncio import AsyncEngine

from app.core.config import get_settings
from app.core.deps import Principal
from app.core.security import (
    Role,
    TokenExpiredError,
    TokenInvalidError,
    decode_access_token,
)
from app.users import repository, service, sessions, tokens
from app.users.errors import (
    AccountDeactivatedError,
    RefreshInvalidError,
    RefreshReplacedError,
    SessionNotFoundError,
    TokenReuseError,
    UserInactiveError,
)
from app.users.schemas import TokenPair
from tests.factories import make_user
from tests.machines import DatabaseMachine, drive

RUNS = int(os.environ.get("MACHINE_RUNS", "20"))
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROWSER_LIFETIME = timedelta(days=14)
ALL = 1000

PAUSES = st.sampled_from(
    [timedelta(seconds=1), tokens.GRACE, timedelta(minutes=6), timedelta(hours=1)]
    + [timedelta(days=days) for days in (5, 20)]
)


@dataclass
class Account:
    """An account, open or closed."""

    id: int
    email: str
    is_active: bool = True


@dataclass
class Browser:
    """A browser that is signed in until it expires, signs out or is signed out."""

    account: Account
    expires_at: datetime
    has_ended: bool = False

    def is_alive(self, now: datetime) -> bool:
        return not self.has_ended and now < self.expires_at


@dataclass
class Program:
    """A program's family of tokens. One that is gone left nothing, and knows nothing of thefts."""

    account: Account
    expires_at: datetime
    used: dict[str, datetime | None] = field(default_factory=dict)
    is_revoked: bool = False
    is_gone: bool = False

    def is_alive(self, now: datetime) -> bool:
        return not (self.is_revoked or self.is_gone or self.expires_at <= now)


class Issued(NamedTuple):
    """An access token."""

    program: Program
    expires_at: datetime
    sign_in_id: UUID


class SignIns(DatabaseMachine):
    """Two accounts, their browsers and programs, a thief who has every token, and a clock."""

    accounts = Bundle("accounts")
    cookies = Bundle("cookies")
    refresh_tokens = Bundle("refresh_tokens")
    access_tokens = Bundle("access_tokens")

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.now = BEGAN
        self.everybody: list[Account] = []
        self.browsers: dict[str, Browser] = {}
        self.programs: dict[str, Program] = {}
        self.issued: dict[str, Issued] = {}

    @initialize(target=accounts)
    def two_accounts(self) -> MultipleResults[Account]:
        users = [self.run(make_user(self.session, email=f"{n}@example.com")) for n in ("a", "b")]
        self.everybody = [Account(id=user.id, email=user.email) for user in users]
        return multiple(*self.everybody)

    @rule(pause=PAUSES)
    def wait(self, pause: timedelta) -> None:
        self.now += pause

    @rule(target=cookies, account=accounts)
    def sign_in_a_browser(self, account: Account) -> str:
        cookie = self.run(
            sessions.start_session(
                self.session, user_id=account.id, now=self.now, lifetime=BROWSER_LIFETIME
            )
        )
        self.browsers[cookie] = Browser(account, self.now + BROWSER_LIFETIME)
        return cookie

    @rule(target=refresh_tokens, account=accounts)
    def sign_in_a_program(self, account: Account) -> str:
        pair = self.run(
            tokens.start_family(
                self.session,
                user_id=account.id,
                role=Role.USER,
                now=self.now,
                settings=get_settings(),
            )
        )
        lifetime = timedelta(days=get_settings().refresh_token_days)
        return self.remember(pair, Program(account, self.now + lifetime))

    def remember(self, pair: TokenPair, program: Program) -> str:
        program.used[pair.refresh_token] = None
        self.programs[pair.refresh_token] = program
        minutes = timedelta(minutes=get_settings().access_token_minutes)
        said = decode_access_token(pair.access_token, now=self.now, settings=get_settings())
        assert said.family_id is not None
        self.issued[pair.access_token] = Issued(program, self.now + minutes, said.family_id)
        return pair.refresh_token

    @rule(target=refresh_tokens, token=refresh_tokens)
    def refresh(self, token: str) -> MultipleResults[str]:
        return self.exchange(token)

    def exchange(self, token: str) -> MultipleResults[str]:
        program = self.programs[token]
        used_at = program.used[token]
        given = self.answer(
            tokens.refresh(self.session, refresh_token=token, now=self.now, settings=get_settings())
        )
        if isinstance(given, TokenPair):
            assert used_at is None
            assert program.account.is_active
            assert program.is_alive(self.now)
            program.used[token] = self.now
            return multiple(self.remember(given, program))
        if program.is_gone or program.expires_at <= self.now:
            assert given is RefreshInvalidError
        elif used_at is None:
            expected = RefreshInvalidError if program.account.is_active else UserInactiveError
            assert given is expected
            assert program.is_revoked or not program.account.is_active
        elif self.now - used_at > tokens.GRACE:
            assert given is TokenReuseError
            program.is_revoked = True
        else:
            assert given is (RefreshInvalidError if program.is_revoked else RefreshReplacedError)
        return multiple()

    @rule(target=refresh_tokens, token=refresh_tokens)
    def come_back_with_it_later(self, token: str) -> MultipleResults[str]:
        used_at = self.programs[token].used[token]
        if used_at is not None:
            self.now = max(self.now, used_at + tokens.GRACE + timedelta(seconds=1))
        return self.exchange(token)

    @rule(target=access_tokens, token=refresh_tokens)
    def take_the_access_token(self, token: str) -> MultipleResults[str]:
        program = self.programs[token]
        return multiple(
            *(access for access, issued in self.issued.items() if issued.program is program)
        )

    @rule(token=access_tokens)
    def ask_the_api(self, token: str) -> None:
        program, expires_at, _ = self.issued[token]
        given = self.answer(service.authenticate(self.session, token=token, now=self.now))
        if isinstance(given, Principal):
            assert given.id == program.account.id
            assert program.account.is_active
            assert program.is_alive(self.now)
            assert self.now < expires_at
        elif expires_at <= self.now:
            assert given is TokenExpiredError
        elif not program.account.is_active:
            assert given is AccountDeactivatedError
        else:
            assert given is TokenInvalidError
            assert not program.is_alive(self.now)

    @rule(cookie=cookies)
    def open_a_page(self, cookie: str) -> None:
        browser = self.browsers[cookie]
        found = self.run(sessions.find_principal(self.session, token=cookie, now=self.now))
        is_in = browser.account.is_active and browser.is_alive(self.now)
        assert (found.id if found else None) == (browser.account.id if is_in else None)

    @rule(cookie=cookies)
    def sign_a_browser_out(self, cookie: str) -> None:
        self.run(sessions.end_session(self.session, token=cookie))
        self.browsers[cookie].has_ended = True

    @rule(token=refresh_tokens)
    def sign_a_program_out(self, token: str) -> None:
        self.run(tokens.end_family(self.session, refresh_token=token, now=self.now))
        self.programs[token].is_revoked = True

    @rule(token=access_tokens)
    def sign_out_of_one_from_the_list(self, token: str) -> None:
        program = self.issued[token].program
        given = self.answer(
            sessions.end_sign_in(
                self.session, user_id=program.account.id, sign_in_id=self.issued[token].sign_in_id
            )
        )
        assert given is (SessionNotFoundError if program.is_gone else None)
        program.is_gone = True

    @rule(account=accounts)
    def sign_out_everywhere(self, account: Account) -> None:
        self.run(sessions.sign_out_everywhere(self.session, user_id=account.id))
        self.end_all(account)

    @rule(account=accounts)
    def reset_the_password(self, account: Account) -> None:
        assert self.run(
            service.reset_password(self.session, email=account.email, password_hash="another")
        )
        self.end_all(account)

    def end_all(self, account: Account) -> None:
        for browser in self.browsers.values():
            browser.has_ended |= browser.account is account
        for program in self.programs.values():
            program.is_gone |= program.account is account

    @rule(account=accounts)
    def close_or_open_the_account(self, account: Account) -> None:
        account.is_active = not account.is_active
        self.run(
            repository.set_active(self.session, user_id=account.id, is_active=account.is_active)
        )

    @rule()
    def clean_up(self) -> None:
        self.run(tokens.forget_expired_families(self.session, now=self.now, limit=ALL))
        self.run(sessions.forget_expired_sessions(self.session, now=self.now, limit=ALL))
        for program in self.programs.values():
            program.is_gone |= program.expires_at <= self.now

    @invariant()
    def what_is_listed_is_what_is_alive(self) -> None:
        for account in self.everybody:
            listed = self.run(
                sessions.list_sign_ins(self.session, user_id=account.id, now=self.now)
            )
            browsers = [one for one in self.browsers.values() if one.account is account]
            programs = {id(one): one for one in self.programs.values() if one.account is account}
            signed_in: list[Browser | Program] = [*browsers, *programs.values()]
            alive = [one for one in signed_in if one.is_alive(self.now)]
            assert len(listed) == len(alive)


def test_whatever_happens_who_was_signed_out_stays_out(test_engine: AsyncEngine) -> None:
    drive(SignIns, test_engine, runs=RUNS)
