"""One request of a window, from its quota to its bill.

    reserve quota -> [ find a key -> ask -> judge ]* -> relay -> book what it used
                       '-- another key, while one is left and nothing was passed on --'

Bodies and keys pass through and are never logged; what is logged are names, paths and statuses.
"""

import logging

import anyio
from msgspec import Struct

from tianting.gateway.allowances import Allowances, over_quota_line
from tianting.gateway.answer_verdict import judge
from tianting.gateway.asked import Asked, estimate, read_asked, used
from tianting.gateway.client_connection import ClientConnection, Refusal, Request
from tianting.gateway.dialects import Route, key_headers
from tianting.gateway.http_heads import ResponseHead
from tianting.gateway.keyring import Exhausted, Keyring, Lane, Wanted
from tianting.gateway.ledger import Ledger, LedgerEntry
from tianting.gateway.limits import DoorLimits
from tianting.gateway.masking import MaskingSink
from tianting.gateway.passes import Pass
from tianting.gateway.passing_heads import forwarded, passed_back, retry_after_header
from tianting.gateway.quotas import NOTHING, Amount
from tianting.gateway.rate_headers import read_rate_notes
from tianting.gateway.upstream_connection import Sink, UpstreamBroken, UpstreamConnection
from tianting.gateway.usage_tap import UsageTap
from tianting.plumbing.clock import Clock
from tianting.protocol.model_catalogue import ModelCatalogue
from tianting.protocol.usage import Usage

log = logging.getLogger(__name__)


class Admission(Struct, frozen=True, kw_only=True):
    """A request that may come in: what it means, and whose it is."""

    route: Route
    holder: Pass


Client = ClientConnection[Admission]


class Services(Struct, frozen=True, kw_only=True):
    """What exchanges share."""

    keyrings: dict[str, Keyring]
    """By speech."""
    allowances: Allowances
    ledger: Ledger
    catalogue: ModelCatalogue
    clock: Clock
    limits: DoorLimits


class Exchange:
    """Answers `request` on `client`; made for one request."""

    def __init__(self, services: Services, client: Client, request: Request[Admission]) -> None:
        self.status = 0
        """What the window got; 0 when nothing yet."""
        self.outcome = "abandoned"
        self.ends_connection = False
        """Only hanging up tells the client that its answer is over."""
        self._services = services
        self._client = client
        self._request = request
        self._route, self._holder = request.admitted.route, request.admitted.holder
        self._keyring = services.keyrings[self._route.speech]
        self._began_at, self._began = services.clock.now(), services.clock.monotonic()
        self._first_byte: float | None = None
        self._asked = Asked()
        self._tap: UsageTap | None = None
        self._lane: Lane | None = None

    async def run(self) -> None:
        """Answer, whatever happens. Only cancellation gets out, and what was used is booked even then."""
        try:
            await self._answer_within_quota()
        except Refusal as refusal:
            self.status, self.outcome = refusal.status, "refused"
            self._client.refuse(refusal)
        except UpstreamBroken as error:
            log.warning("window %s: the answer broke off: %s", self._holder.window, error)

    async def _answer_within_quota(self) -> None:
        self._asked = self._read_body()
        owner, clock = self._holder.owner, self._services.clock
        expected = estimate(self._asked, len(self._request.body), self._services.catalogue)
        over = self._services.allowances.reserve(owner, expected, clock.monotonic())
        if over is not None:
            raise Refusal(429, over_quota_line(owner, over), retry_after_header(over.retry_after))
        try:
            await self._answer_by_some_key(expected)
        except Refusal as refusal:
            self.status, self.outcome = refusal.status, "refused"
            raise
        except UpstreamBroken:
            self.outcome = "broken_off"
            raise
        finally:
            self._settle(expected)

    def _read_body(self) -> Asked:
        if self._route.method == "GET":
            return Asked()
        asked = read_asked(self._request.body)
        if asked is None:
            raise Refusal(400, "The body must be a JSON object whose `model` is a text.")
        return asked

    async def _answer_by_some_key(self, expected: Amount) -> None:
        """Try keys until one gives an answer that is worth passing on, or none is left."""
        tried: frozenset[int] = frozenset()
        wanted = Wanted(owner=self._holder.owner, window=self._holder.window, tokens=expected.tokens)
        while True:
            try:
                place = await self._keyring.acquire(wanted, tried)
            except Exhausted as error:
                raise self._exhausted(error) from None
            tried |= {place}
            try:
                if await self._answer_by(place, may_go_on=len(tried) < len(self._keyring.lanes)):
                    return
            finally:
                spent = self._used()[0] if self._tap else Usage()
                carried = spent.input_tokens + spent.cache_creation_input_tokens + spent.output_tokens
                self._keyring.release(place, surplus=wanted.tokens - carried)

    def _exhausted(self, error: Exhausted) -> Refusal:
        message = f"The gateway cannot serve this request now: {error}. Nothing is wrong with the request."
        overloaded = 529 if self._route.speech == "anthropic" else 503
        return Refusal(overloaded if error.failing else 429, message, retry_after_header(error.retry_after))

    async def _answer_by(self, place: int, *, may_go_on: bool) -> bool:
        """Whether the client got its answer; False asks for another key."""
        lane = self._keyring.lanes[place]
        self._lane = lane
        try:
            connection, head = await self._ask(lane)
        except UpstreamBroken as error:
            self._keyring.failed(place)
            log.warning("upstream %s, key %s: %s", lane.upstream.name, lane.key.name, error)
            if may_go_on:
                return False
            raise Refusal(502, f"{lane.upstream.name} did not answer: {error}.") from None
        except BaseException:
            self._keyring.abandoned(place)
            raise
        try:
            if not self._learn(place, lane, head) and may_go_on:
                return False
            await self._relay(place, lane, connection, head)
            return True
        finally:
            if not connection.reusable:
                connection.close()

    async def _ask(self, lane: Lane) -> tuple[UpstreamConnection, ResponseHead]:
        patience = self._services.limits.first_byte_patience
        head = self._request.head
        headers = {**forwarded(head), **key_headers(lane.upstream, lane.key)}
        request = lane.pool.request(head.method, head.path + head.query, headers, self._request.body)
        try:
            with anyio.fail_after(patience):
                return await lane.pool.ask(request, self._services.clock.monotonic())
        except TimeoutError:
            raise UpstreamBroken(f"it said nothing for {patience:g} s") from None

    def _learn(self, place: int, lane: Lane, head: ResponseHead) -> bool:
        """Write down what `head` says of the key; whether its answer is worth passing on at once."""
        notes = read_rate_notes(head.headers, self._services.clock.now())
        verdict = judge(head.status)
        match verdict:
            case "good":
                self._keyring.answered(place, notes)
            case "rejected":
                self._keyring.abandoned(place)
            case "limited":
                self._keyring.limited(place, notes)
            case "failed":
                self._keyring.failed(place)
            case "key_refused" if head.status == 401:
                self._keyring.refused(place)
            case "key_refused":
                self._keyring.abandoned(place)
        if verdict != "good":
            log.info("upstream %s, key %s: %d", lane.upstream.name, lane.key.name, head.status)
        return verdict in ("good", "rejected")

    async def _relay(self, place: int, lane: Lane, connection: UpstreamConnection, head: ResponseHead) -> None:
        if head.status == 401:
            # A window that hears 401 asks its person to log in, and some upstreams repeat a part of the key.
            raise Refusal(403, f"{lane.upstream.name} refused the gateway's key {lane.key.name!r}: replace it there.")
        self.status = head.status
        self._first_byte = self._services.clock.monotonic() - self._began
        if head.status < 400:
            streams = "event-stream" in head.headers.get("content-type", "")
            self._tap = UsageTap(self._route.answers, streams=streams)
        self._client.write(self._passed_back(head))
        sink = self._client if head.status < 400 else MaskingSink(self._client, lane.key.secret)
        await self._relay_body(connection, sink, self._tap or UsageTap("models", streams=False))
        if self._tap is not None and self._tap.error:
            self._keyring.failed(place)
        lane.pool.keep(connection, self._services.clock.monotonic())
        self.outcome = "answered" if head.status < 400 else "refused"

    async def _relay_body(self, connection: UpstreamConnection, sink: Sink, tap: UsageTap) -> None:
        self._client.attach(connection)
        broken: UpstreamBroken | None = None
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_watch_silence, connection, scope, self._services.limits.silence)
                try:
                    await connection.relay(sink, tap)
                except UpstreamBroken as error:  # out of the task group it would come as a group
                    broken = error
                tasks.cancel_scope.cancel()
        if broken is not None:
            raise broken
        tap.finish()
        if scope.cancelled_caught:
            raise UpstreamBroken(f"it said nothing for {self._services.limits.silence:g} s")

    def _passed_back(self, head: ResponseHead) -> bytes:
        soonest = retry_after_header(self._keyring.soonest()) if head.status in (429, 529) else {}
        self.ends_connection = head.length is None and not head.chunked
        stays = self._request.head.keep_alive and not self.ends_connection
        return passed_back(head, soonest if stays else {**soonest, "connection": "close"})

    def _settle(self, expected: Amount) -> None:
        """Book what was used instead of what was reserved."""
        truth = NOTHING
        if self._lane is not None:
            usage, estimated = self._used()
            if self._counts():
                truth = used(self._asked.model, usage, self._services.catalogue)
            self._note(self._lane, usage, truth, estimated=estimated)
        self._services.allowances.commit(self._holder.owner, expected, truth, self._services.clock.monotonic())

    def _counts(self) -> bool:
        """Whether it takes from the quota: what the provider or we turned away does not."""
        ours = self.outcome == "refused" and self._first_byte is None
        return not ours and self.status < 429

    def _used(self) -> tuple[Usage, bool]:
        """What the request used, and whether that is an estimate because its answer did not say, or not to the end.

        Who leaves before the answer begins has still made the provider read what was sent.
        """
        tap = self._tap
        if self._route.answers in ("count", "models") or (tap is None and self.outcome != "abandoned"):
            return Usage(), False
        if tap is not None and tap.usage is not None and self.outcome == "answered":
            return tap.usage, False
        sent = Usage(input_tokens=len(self._request.body) // 4)
        return (sent if tap is None else tap.with_what_passed(tap.usage or sent)), True

    def _note(self, lane: Lane, usage: Usage, truth: Amount, *, estimated: bool) -> None:
        self._services.ledger.add(
            LedgerEntry(
                at=self._began_at,
                owner=self._holder.owner,
                window=self._holder.window,
                upstream=lane.upstream.name,
                key=lane.key.name,
                path=self._request.head.path,
                model=self._asked.model,
                status=self.status,
                outcome=self.outcome,
                usage=usage,
                estimated=estimated,
                usd=truth.usd,
                first_byte=self._first_byte,
                duration=self._services.clock.monotonic() - self._began,
            )
        )


async def _watch_silence(connection: UpstreamConnection, scope: anyio.CancelScope, patience: float) -> None:
    """Cancel `scope` when `connection` says nothing. Looks only so often: a timer for each delta would cost more."""
    while True:
        connection.heard = False
        await anyio.sleep(patience)
        if not connection.heard:
            scope.cancel()
            return
