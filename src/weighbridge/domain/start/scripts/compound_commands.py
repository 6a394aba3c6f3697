"""Compound commands: conditions, loops and choices (POSIX XCU 2.9.4)."""

from __future__ import annotations

import abc
from dataclasses import replace

from weighbridge.domain.shell import Dialect
from weighbridge.domain.shell.syntax import (
    ArithmeticCommand,
    Case,
    CaseItem,
    For,
    If,
    Loop,
    Pipeline,
    SimpleCommand,
    Statement,
    TestExpression,
)
from weighbridge.domain.start.scripts.condition_faults import INTEGER_TESTS, is_integer
from weighbridge.domain.start.scripts.conditions import both, either, negated
from weighbridge.domain.start.scripts.expand import MANY, ExpansionError, fits
from weighbridge.domain.start.scripts.merging import limited
from weighbridge.domain.start.scripts.simple_commands import SimpleCommands
from weighbridge.domain.start.scripts.state import State
from weighbridge.domain.start.shells import builtin_text

MAX_ROUNDS = 40
MAX_UNSURE_ROUNDS = 2
MAX_BRANCHING_ROUNDS = 4
"""Rounds of a loop whose body takes several branches: each round multiplies the ways."""
MAX_ITERATIONS = 64


class CompoundCommands(SimpleCommands):
    """Follows compound commands, from states to states."""

    @abc.abstractmethod
    def statements(
        self, states: list[State], statements: tuple[Statement, ...], *, guarded: bool = False, tail: bool = False
    ) -> list[State]:
        """Follow statements in order. `tail` means that nothing runs after the last of them."""

    def split_status(self, state: State, pipeline: Pipeline) -> list[State]:
        """An unknown status gives both branches."""
        if state.status is not None:
            return [state]
        state.depends = state.doubt = ""
        failed = state.fork()
        line = getattr(pipeline.commands[0], "line", self.shell.line)
        for way, status in ((state, 0), (failed, 1)):
            way.status = status
            way.assumes = (*way.assumes, line)[-8:]
        failed.failure = None
        return [state, failed]

    def arithmetic(self, state: State, command: ArithmeticCommand) -> int | None:
        """``((…))``: an invalid expression is an error, and the script continues."""
        try:
            return self.expander.arithmetic(state, command.expression)
        except ExpansionError as error:
            if not error.ends_line:
                raise
            state.said = builtin_text(replace(self.shell, line=command.line), "((", error.message)
            return 0

    def follow_if(self, state: State, command: If, *, guarded: bool, tail: bool) -> list[State]:
        """``if``: the first branch whose condition holds; all of them where it is unknown."""
        done: list[State] = []
        waiting = [state]
        for branch in command.branches:
            going: list[State] = []
            for one in self.statements(waiting, branch.condition, guarded=True):
                if not one.runs:
                    done.append(one)
                    continue
                for way in self.split_status(one, branch.condition[0].first):
                    way.failure = None
                    if way.status == 0:
                        done.extend(self.statements([way], branch.body, guarded=guarded, tail=tail))
                    else:
                        going.append(way)
            waiting = limited(going)
        for one in waiting:
            one.status, one.depends = 0, ""
        done.extend(self.statements(waiting, command.otherwise, guarded=guarded, tail=tail))
        return limited(done)

    def follow_loop(self, state: State, command: Loop, *, guarded: bool) -> list[State]:
        """``while`` and ``until``, up to a number of rounds."""
        out: list[State] = []
        current, seen, unsure, spins = [state], {state.key()}, 0, None
        reads = _reads(command)
        for number in range(MAX_ROUNDS):
            following: list[State] = []
            for one in self.statements(current, command.condition, guarded=True):
                if not one.runs:
                    out.append(one)
                    continue
                unsure += one.status is None
                for way in self.split_status(one, command.condition[0].first):
                    if (way.status == 0) is command.is_until:
                        way.status, way.failure = 0, None
                        out.append(way)
                    else:
                        following.extend(self.statements([way], command.body, guarded=guarded))
            current = []
            for one in following:
                stays = self._after_round(one)
                if not stays or not one.runs:
                    out.append(one)
                elif one.key() in seen:
                    spins = one
                else:
                    seen.add(one.key())
                    current.append(one)
            current = limited(current)
            if not current or (unsure and len(seen) > MAX_UNSURE_ROUNDS):
                break
            if number >= MAX_BRANCHING_ROUNDS and len(current) > 1:
                break
        for one in current:
            # Not followed to its end: its variables are unknown afterwards.
            one.variables.update(dict.fromkeys(set(one.variables) - set(self.process.env)))
            out.append(one)
        if spins is not None and not out:
            return self.runs_for_ever(spins)
        if (spins is not None or current) and not reads:
            for one in out:
                one.waits_for = one.waits_for or "a loop"
        return limited(out)

    @staticmethod
    def _after_round(state: State) -> bool:
        """Clear ``break`` and ``continue``; False if the loop ends."""
        if state.jump not in {"break", "continue"}:
            return True
        state.jump_depth -= 1
        if state.jump_depth > 0:
            return False
        leaves = state.jump == "break"
        state.jump = ""
        return not leaves

    def follow_for(self, state: State, command: For, *, guarded: bool) -> list[State]:
        """``for``: the words one after another, or once with an unknown word."""
        if command.is_arithmetic:
            fields = None
        else:
            fields = state.arguments if command.words is None else self.expander.fields(state, command.words)
        if fields is None or len(fields) > MAX_ITERATIONS or MANY in fields:
            done = [state.fork()]
            if command.is_arithmetic:
                state.is_open = True  # The variables of its expressions.
            state.set(command.name or "_", None)
            before = dict(state.variables)
            for one in self.statements([state], command.body, guarded=guarded):
                self._after_round(one)
                changed = (name for name, value in one.variables.items() if before.get(name, "") != value)
                one.variables.update(dict.fromkeys([*changed], None))  # A further round may change them again.
                done.append(one)
            return limited(done)
        current: list[State] = [state]
        out: list[State] = []
        state.status = 0
        for field_value in fields:
            following: list[State] = []
            for one in current:
                one.set(command.name, field_value)
                following.extend(self.statements([one], command.body, guarded=guarded))
            current = []
            for one in following:
                (current if self._after_round(one) and one.runs else out).append(one)
            current = limited(current)
        return limited([*out, *current])

    def follow_case(self, state: State, command: Case, *, guarded: bool, tail: bool) -> list[State]:
        """``case``: the first pattern that fits; all that may fit where the subject is unknown."""
        subject = self.expander.text(state, command.subject)
        done: list[State] = []
        waiting: list[State] = [state]
        falls: list[State] = []
        again: list[State] = []  # States after ``;;&``, which test the next patterns too.
        for item in command.items:
            first, waiting = self._fitting(waiting, subject, item, command.line)
            more, again = self._fitting(again, subject, item, command.line)
            going = limited([*falls, *first, *more])
            falls = []
            for one in going:
                one.status = 0
            results = self.statements(going, item.body, guarded=guarded, tail=tail and item.ending == ";;")
            if item.ending == ";;":
                done.extend(results)
            elif item.ending == ";&":
                falls = results
            else:
                done.extend(one for one in results if not one.runs)
                again.extend(one for one in results if one.runs)
        for one in waiting:
            one.status, one.depends = 0, ""
        return limited([*done, *falls, *again, *waiting])

    def _fitting(
        self, states: list[State], subject: str | None, item: CaseItem, line: int
    ) -> tuple[list[State], list[State]]:
        """The states in which a pattern of the item fits the subject, and the others; both for a state in doubt."""
        going: list[State] = []
        others: list[State] = []
        for one in states:
            holds: bool | None = False
            for pattern in item.patterns:
                holds = either(holds, fits(subject, self.expander.pieces(one, pattern)))
            if holds is None:
                others.append(one.fork())
                one.assumes = (*one.assumes, line)[-8:]
            (others if holds is False else going).append(one)
        return going, others

    def test(self, state: State, expression: TestExpression) -> bool | None:
        """``[[ … ]]``: whether the expression holds; None if unknown."""
        match expression.operator:
            case "!":
                return negated(self.test(state, expression.parts[0]))
            case "&&" | "||":
                combine = both if expression.operator == "&&" else either
                result: bool | None = expression.operator == "&&"
                for part in expression.parts:
                    result = combine(result, self.test(state, part))
                    if result is (expression.operator == "||"):
                        break
                return result
        left = self.expander.text(state, expression.words[0])
        if len(expression.words) == 1:
            return self.tester.unary(state, expression.operator, left)
        if expression.operator in {"=", "==", "!="}:
            fit = fits(left, self.expander.pieces(state, expression.words[1]))
            return negated(fit) if expression.operator == "!=" else fit
        if expression.operator == "=~":
            return None
        right = self.expander.text(state, expression.words[1])
        is_number = self.dialect is Dialect.BASH and expression.operator in INTEGER_TESTS
        if is_number and not all(is_integer(word or "") for word in (left, right)):
            # Its operands are arithmetic expressions.
            return None
        return self.tester.binary(expression.operator, left, right)


def _reads(command: Loop) -> bool:
    """True for ``while read``, which ends with its input."""
    first = command.condition[0].first.commands[0]
    if not isinstance(first, SimpleCommand):
        return False
    return any(word.keyword in {"read", "getopts"} for word in first.words[:2])
