"""The pool's decisions, without a socket, a clock or a loop."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from app.http2.pool import Attempt, Pool, Ticket


@dataclass(eq=False)
class Fake:
    limit: int = 1
    settled: bool = False
    used: int = 0
    owed: int = 0
    window: int = 64
    doubtful: bool = False
    late: bool = False

    @property
    def round_trips(self) -> float:
        return self.owed / self.window


def pool(connections: int = 20, keepalive: int = 10) -> Pool[Ticket, Fake]:
    return Pool(max_connections=connections, max_keepalive=keepalive)


def waiting(made: Pool[Ticket, Fake], count: int) -> list[Ticket]:
    tickets = [Ticket() for _ in range(count)]
    for ticket in tickets:
        made.join(ticket)
    return tickets


def settle(made: Pool[Ticket, Fake], member: Fake, limit: int) -> None:
    member.limit, member.settled = limit, True
    made.settled(member)


def test_one_attempt_serves_everyone_until_the_peer_has_said_what_it_allows() -> None:
    made = pool()
    waiting(made, 1_000)
    (attempt,) = made.assign().attempts
    assert len(attempt.tickets) == 1_000
    member = Fake()
    made.connected(attempt, member)
    plan = made.assign()
    assert (len(plan.granted), plan.attempts) == (1, [])
    settle(made, member, 100)
    plan = made.assign()
    assert (len(plan.granted), len(plan.attempts)) == (99, 9)
    assert [len(begun.tickets) for begun in plan.attempts] == [100] * 9


def test_slots_are_granted_in_the_order_of_asking_on_the_least_loaded_member() -> None:
    made = pool()
    busy, idle = Fake(10, settled=True, used=5), Fake(10, settled=True)
    made.members += [busy, idle]
    tickets = waiting(made, 12)
    granted = made.assign().granted
    assert [ticket for ticket, _ in granted] == tickets
    assert {busy.used, idle.used} == {8, 9}
    assert [member for _, member in granted[:5]] == [idle] * 5


def test_a_failed_attempt_takes_its_own_tickets_along() -> None:
    made = pool(connections=2)
    made.members.append(Fake(2, settled=True, used=2))
    settle(made, made.members[0], 2)
    tickets = waiting(made, 3)
    (attempt,) = made.assign().attempts
    assert made.failed(attempt) == tickets[:2]
    assert made.waiting == 1


def test_an_attempt_that_nobody_waits_for_is_to_be_cancelled() -> None:
    made = pool()
    first, second = waiting(made, 2)
    (attempt,) = made.assign().attempts
    assert made.leave(first, impatient=False) is None
    assert made.leave(second, impatient=False) is attempt


def test_nobody_joins_an_attempt_that_someone_has_lost_patience_with() -> None:
    made = pool()
    first, _ = waiting(made, 2)
    (stuck,) = made.assign().attempts
    made.leave(first, impatient=True)
    (late,) = waiting(made, 1)
    (fresh,) = made.assign().attempts
    assert late.attempt is fresh is not stuck


def test_a_member_whose_limit_was_lowered_gets_no_more_until_it_has_fewer() -> None:
    made = pool(connections=1)
    member = Fake(3, settled=True)
    made.members.append(member)
    waiting(made, 5)
    assert len(made.assign().granted) == 3
    settle(made, member, 1)
    for expected in (0, 0, 1):
        made.released(member)
        assert len(made.assign().granted) == expected


def test_a_peer_that_allows_no_stream_is_connected_to_a_bounded_number_of_times() -> None:
    made = pool(connections=4, keepalive=2)
    waiting(made, 1)
    closed = 0
    for _ in range(10):
        for attempt in (plan := made.assign()).attempts:
            made.connected(attempt, member := Fake(0))
            settle(made, member, 0)  # its SETTINGS came together with the end of the handshake
        closed += len(plan.surplus)
    assert (len(made.members), closed) == (4, 0)


def uploads(made: Pool[Ticket, Fake], count: int, size: int = 640) -> list[Ticket]:
    tickets = [Ticket(upload=size, choosy=True) for _ in range(count)]
    for ticket in tickets:
        made.join(ticket)
    return tickets


def test_uploads_beyond_a_window_wait_for_connections_of_their_own() -> None:
    made = pool(connections=3)
    made.members.append(Fake(100, settled=True))
    first, *others = uploads(made, 6)
    plan = made.assign()
    assert [ticket for ticket, _ in plan.granted] == [first]
    assert plan.held == others
    assert [len(attempt.tickets) for attempt in plan.attempts] == [3, 2]


def test_a_small_request_does_not_wait_behind_uploads() -> None:
    made = pool(connections=2)
    made.members.append(Fake(100, settled=True))
    uploads(made, 2)
    (small,) = waiting(made, 1)
    assert small in [ticket for ticket, _ in made.assign().granted]


def test_uploads_share_what_there_is_when_no_more_connections_are_allowed() -> None:
    made = pool(connections=2)
    made.members += [Fake(100, settled=True), Fake(100, settled=True)]
    uploads(made, 6)
    assert len(made.assign().granted) == 6
    assert [member.owed for member in made.members] == [3 * 640, 3 * 640]


def test_an_upload_held_for_a_better_connection_survives_that_it_cannot_be_made() -> None:
    made = pool(connections=2)
    made.members.append(Fake(100, settled=True))
    _, held = uploads(made, 2)
    (attempt,) = made.assign().attempts
    assert made.failed(attempt) == []
    assert [ticket for ticket, _ in made.assign().granted] == [held]


def test_an_upload_that_has_waited_long_enough_takes_the_slot_there_is() -> None:
    made = pool(connections=2)
    made.members.append(Fake(100, settled=True))
    _, held = uploads(made, 2)
    made.assign()
    made.settle_for_less(held)
    assert [ticket for ticket, _ in made.assign().granted] == [held]


@given(st.integers(0, 12), st.integers(0, 12))
def test_no_more_idle_members_are_kept_than_allowed(idle: int, keepalive: int) -> None:
    made = pool(keepalive=keepalive)
    made.members += [Fake(1, settled=True) for _ in range(idle)]
    assert len(made.assign().surplus) == max(0, idle - keepalive)
    assert len(made.members) == min(idle, keepalive)


MEMBERS = st.lists(
    st.builds(
        Fake,
        limit=st.integers(0, 3),
        settled=st.just(True),
        used=st.integers(0, 3),
        owed=st.sampled_from([0, 64, 64 * 3, 64 * 9]),
        doubtful=st.booleans(),
    ),
    max_size=4,
)


@given(MEMBERS, st.integers(0, 1), st.sampled_from([0, 640]), st.integers(1, 5))
def test_a_slot_is_taken_only_where_a_ticket_would_be_granted_it(
    members: list[Fake], before: int, upload: int, connections: int
) -> None:
    taking, joining = pool(connections), pool(connections)
    for made in (taking, joining):
        made.members = [replace(one) for one in members]
        waiting(made, before)
    taken = taking.take(upload=upload, choosy=bool(upload))
    if taken is None:
        return
    ticket = Ticket(upload=upload, choosy=bool(upload))
    joining.join(ticket)
    plan = joining.assign()
    assert plan.granted == [(ticket, joining.members[taking.members.index(taken)])]
    assert [plan.bound, plan.held, plan.attempts, plan.doubted] == [[]] * 4
    assert [vars(one) for one in taking.members] == [vars(one) for one in joining.members]


def test_a_free_slot_is_taken_at_once_unless_somebody_waits() -> None:
    made = pool()
    member = Fake(2, settled=True)
    made.members.append(member)
    assert made.take(upload=640, choosy=True) is member
    assert (member.used, member.owed) == (1, 640)
    assert made.take(upload=640, choosy=True) is None  # the uploads before take too long
    waiting(made, 1)
    assert made.take(upload=0, choosy=False) is None


class PoolLaws(RuleBasedStateMachine):
    """Whatever happens, in whatever order, nothing is lost and no bound is broken."""

    connections = 3

    def __init__(self) -> None:
        super().__init__()
        self.pool = pool(self.connections, keepalive=1)
        self.tickets: list[Ticket] = []
        self.attempts: list[Attempt] = []
        self.members: list[Fake] = []
        self.slots: list[Fake] = []

    def carry_out(self) -> None:
        plan = self.pool.assign()
        for ticket, member in plan.granted:
            assert member.used <= member.limit
            self.tickets.remove(ticket)
            self.slots.append(member)
        self.attempts += plan.attempts
        for member in plan.surplus:
            assert member.used == 0
            self.members.remove(member)

    @rule(count=st.integers(1, 5))
    def ask(self, count: int) -> None:
        self.tickets += waiting(self.pool, count)
        self.carry_out()

    @rule(count=st.integers(1, 5))
    def upload(self, count: int) -> None:
        self.tickets += uploads(self.pool, count)
        self.carry_out()

    @precondition(lambda self: self.members)
    @rule(pick=st.integers(0, 99))
    def write(self, pick: int) -> None:
        self.members[pick % len(self.members)].owed = 0
        self.carry_out()

    @precondition(lambda self: self.tickets)
    @rule(pick=st.integers(0, 99))
    def have_waited(self, pick: int) -> None:
        self.pool.settle_for_less(self.tickets[pick % len(self.tickets)])
        self.carry_out()

    @precondition(lambda self: self.tickets)
    @rule(impatient=st.booleans(), pick=st.integers(0, 99))
    def give_up(self, impatient: bool, pick: int) -> None:
        ticket = self.tickets.pop(pick % len(self.tickets))
        abandoned = self.pool.leave(ticket, impatient=impatient)
        if abandoned is not None:
            self.attempts.remove(abandoned)
        self.carry_out()

    @precondition(lambda self: self.attempts)
    @rule(works=st.booleans())
    def finish(self, works: bool) -> None:
        attempt = self.attempts.pop(0)
        if works:
            self.members.append(Fake())
            self.pool.connected(attempt, self.members[-1])
        else:
            for ticket in self.pool.failed(attempt):
                self.tickets.remove(ticket)
        self.carry_out()

    @precondition(lambda self: self.members)
    @rule(limit=st.integers(0, 4), pick=st.integers(0, 99))
    def settle(self, limit: int, pick: int) -> None:
        settle(self.pool, self.members[pick % len(self.members)], limit)
        self.carry_out()

    @precondition(lambda self: self.members)
    @rule(pick=st.integers(0, 99))
    def start_drain(self, pick: int) -> None:
        self.pool.drain_started(self.members.pop(pick % len(self.members)))
        self.carry_out()

    @precondition(lambda self: self.slots)
    @rule(pick=st.integers(0, 99))
    def release(self, pick: int) -> None:
        self.pool.released(self.slots.pop(pick % len(self.slots)))
        self.carry_out()

    @invariant()
    def every_ticket_waits_exactly_once(self) -> None:
        assert self.pool.waiting == len(self.tickets)
        bound = [ticket for attempt in self.attempts for ticket in attempt.tickets]
        assert len(bound) == len(set(bound))
        assert set(bound) <= set(self.tickets)

    @invariant()
    def the_bounds_hold(self) -> None:
        assert len(self.members) + len(self.attempts) <= self.connections
        assert self.pool.members == self.members
        for member in self.members:
            assert member.used == self.slots.count(member)

    @invariant()
    def nobody_waits_while_a_slot_is_free_but_for_a_better_one_that_is_coming(self) -> None:
        waits = [ticket for ticket in self.tickets if not ticket.held]
        assert not (waits and any(one.used < one.limit for one in self.members))
        if len(waits) < len(self.tickets):
            assert self.attempts or not all(one.settled for one in self.members)

    @invariant()
    def somebody_connects_for_those_who_wait_while_nothing_is_up(self) -> None:
        if self.tickets and not self.members:
            assert self.attempts


test_the_laws_of_the_pool = PoolLaws.TestCase
