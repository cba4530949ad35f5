"""URScript, the part that clients upload: text to a Python generator function.

Every function and thread of the program becomes a generator that yields once per control cycle, so that
programs run cooperatively inside the controller's loop. Grammar: The URScript Programming Language (UR).
Line breaks are white space, as in the real interpreter: clients send `x = # comment` and `0` on two lines.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from gpnet_ros.ur_controller.tokens import ScriptError, Token, tokenize

_CONSTANTS = {"True": "True", "False": "False"}
_BINARY: tuple[tuple[str, ...], ...] = (
    ("or", "xor"), ("and",), ("==", "!=", "<", ">", "<=", ">="), ("+", "-"), ("*", "/", "%"),
)  # fmt: skip


class _Writer:
    """Recursive descent over the tokens, writing Python as it goes."""

    def __init__(self, text: str, blocking: frozenset[str]) -> None:
        self.tokens = [*tokenize(text), *[Token("end of text", "", len(text))] * 2]  # two: there is always a next
        self.at = 0
        self.blocking = blocking
        self.lines: list[str] = []
        pairs = list(zip(self.tokens, self.tokens[1:], strict=False))
        self.functions = {b.text for a, b in pairs if a.kind == "name" and a.text in ("def", "thread", "sec")}
        self.globals = {b.text for a, b in pairs if a.kind == "name" and a.text == "global"}
        self.scopes: list[set[str]] = [set()]  # local names of the functions around the current place

    # --- tokens -----------------------------------------------------------------------------------------
    @property
    def here(self) -> Token:
        return self.tokens[self.at]

    def take(self, text: str | None = None) -> str:
        token = self.here
        if token.kind == "end of text":
            raise ScriptError("The program ends in the middle of a statement; send it whole.")
        if text is not None and (token.text != text or token.kind == "string"):
            raise ScriptError(f"Found {token.text!r} at offset {token.end} where {text!r} is needed.")
        self.at += 1
        return token.text

    def name(self) -> str:
        if self.here.kind != "name":
            raise ScriptError(f"Found {self.here.text!r} at offset {self.here.end} where a name is needed.")
        return self.take()

    def accept(self, *texts: str) -> str | None:
        if self.here.text in texts and self.here.kind != "string":
            return self.take()
        return None

    def write(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    # --- statements -------------------------------------------------------------------------------------
    def program(self) -> str:
        """Python text that defines `main`, a generator function."""
        if self.here.text in ("def", "sec"):
            entry = self.tokens[self.at + 1].text
            self.function(0)
            self.write(0, f"main = f_{entry}")
        else:
            self.write(0, "def main():")
            self.write(1, "if False: yield")
            self.block(1, ())
        if self.here.kind != "end of text":
            raise ScriptError(f"Found {self.here.text!r} after the end of the program.")
        return "\n".join(self.lines)

    def function(self, depth: int) -> None:
        """`def name(a, b): ... end`; threads are the same to Python."""
        self.take()
        name = self.name()
        self.take("(")
        parameters: list[str] = []
        while not self.accept(")"):
            parameter = self.name()
            default = f"={self.expression()}" if self.accept("=") else ""
            parameters.append(f"v_{parameter}{default}")
            self.accept(",")
        self.take(":")
        self.scopes.append({p.split("=")[0][2:] for p in parameters})
        self.write(depth, f"def f_{name}({', '.join(parameters)}):")
        self.write(depth + 1, "if False: yield")
        self.block(depth + 1, ("end",))
        self.take("end")
        self.scopes.pop()

    def block(self, depth: int, stops: tuple[str, ...]) -> None:
        """Statements up to one of the stop words, which stays."""
        self.write(depth, "pass")
        while self.here.kind != "end of text" and not (self.here.kind == "name" and self.here.text in stops):
            self.statement(depth)

    def statement(self, depth: int) -> None:
        """One statement."""
        word = self.here.text
        simple = {"break": "break", "continue": "continue", "pass": "pass", "halt": "B['halt']()"}
        if word in ("def", "thread"):
            self.function(depth)
        elif word in ("if", "while"):
            self.conditional(depth, word)
        elif word in simple or word in ("enter_critical", "exit_critical"):
            self.take()  # Threads switch only at a cycle's end, so critical sections hold by themselves.
            self.write(depth, simple.get(word, "pass"))
        elif word == "return":
            self.take()
            bare = self.here.kind == "end of text" or self.here.text in ("end", "else", "elif")
            self.write(depth, "return" if bare else f"return {self.expression()}")
        elif word in ("kill", "join"):
            self.take()
            handle = self.expression()
            self.write(depth, f"B['kill']({handle})" if word == "kill" else f"yield from B['join']({handle})")
        else:
            self.assignment(depth)

    def conditional(self, depth: int, word: str) -> None:
        """if/elif/else and while."""
        self.take()
        self.write(depth, f"{word} {self.expression()}:")
        self.take(":")
        if word == "while":
            self.write(depth + 1, "B['tick']()")
        self.block(depth + 1, ("end", "elif", "else"))
        while word == "if" and self.accept("elif"):
            self.write(depth, f"elif {self.expression()}:")
            self.take(":")
            self.block(depth + 1, ("end", "elif", "else"))
        if word == "if" and self.accept("else"):
            self.take(":")
            self.write(depth, "else:")
            self.block(depth + 1, ("end",))
        self.take("end")

    def assignment(self, depth: int) -> None:
        """`x = e`, `x[i] = e`, `global x = e`, `local x = e`, or an expression for its effect."""
        scope = self.accept("global", "local")
        follows = self.tokens[self.at + 1].text
        if self.here.kind == "name" and (scope or follows == "="):
            name = self.name()
            if scope == "local" or name not in self.globals:
                self.scopes[-1].add(name)
            self.take("=")
            self.write(depth, f"{self.variable(name)} = {self.expression()}")
        elif self.here.kind == "name" and follows == "[" and not self.is_pose():
            name = self.name()
            self.take("[")
            index = self.expression()
            self.take("]")
            target = self.variable(name)
            if self.accept("="):  # Lists have value semantics: writing an element makes a new list.
                self.write(depth, f"{target} = B['set_item']({target}, {index}, {self.expression()})")
            else:
                self.write(depth, f"{target}[int({index})]")
        else:
            self.write(depth, self.expression())

    def variable(self, name: str) -> str:
        """A global lives in G; everything else is a Python local or closure variable."""
        hidden = any(name in scope for scope in self.scopes[1:])
        return f"G[{name!r}]" if name in self.globals and not hidden else f"v_{name}"

    # --- expressions ------------------------------------------------------------------------------------
    def expression(self, level: int = 0) -> str:
        """One expression; level counts up with the binding strength."""
        if level == len(_BINARY):
            return self.unary()
        if level == 2 and self.accept("not"):
            return f"(not {self.expression(level)})"
        left = self.expression(level + 1)
        while operator := self.accept(*_BINARY[level]):
            right = self.expression(level + 1)
            left = f"({left} {'!=' if operator == 'xor' else operator} {right})"
        return left

    def unary(self) -> str:
        """Sign and power."""
        if sign := self.accept("-", "+"):
            return f"({sign}{self.unary()})"
        value = self.postfix()
        return f"({value} ** {self.unary()})" if self.accept("^") else value

    def postfix(self) -> str:
        """A value and its indices."""
        value = self.atom()
        while self.accept("["):
            value = f"{value}[int({self.expression()})]"
            self.take("]")
        return value

    def atom(self) -> str:
        """Number, string, list, pose, call, thread start, variable or brackets."""
        kind = self.here.kind
        if kind in ("number", "string"):
            text = self.take()
            return repr(text[1:-1]) if kind == "string" else (text.lstrip("0") or "0") if text.isdigit() else text
        if self.accept("("):
            value = self.expression()
            self.take(")")
            return f"({value})"
        if self.accept("["):
            return f"[{', '.join(self.items(']'))}]"
        if self.is_pose():
            self.take()
            self.take("[")
            return f"B['Pose'](({', '.join(self.items(']'))}))"
        name = self.name()
        if name == "run":
            thread = self.name()
            self.take("(")
            return f"B['run'](f_{thread}, {', '.join(self.items(')'))})"
        if self.accept("("):
            return self.call(name)
        return _CONSTANTS.get(name) or self.variable(name)

    def call(self, name: str) -> str:
        """A call of the program's own function or of a builtin; what may wait is delegated to."""
        arguments = ", ".join(self.items(")", prefix="v_" if name in self.functions else ""))
        if name in self.functions:
            return f"(yield from f_{name}({arguments}))"
        if name in self.blocking:
            return f"(yield from B[{name!r}]({arguments}))"
        return f"B[{name!r}]({arguments})"

    def items(self, close: str, prefix: str = "") -> list[str]:
        """Comma-separated expressions, some of them `name=value`."""
        found: list[str] = []
        while not self.accept(close):
            keyword = ""
            if self.here.kind == "name" and self.tokens[self.at + 1].text == "=":
                keyword = f"{prefix}{self.name()}="
                self.take("=")
            found.append(keyword + self.expression())
            if not self.accept(","):
                self.take(close)
                break
        return found

    def is_pose(self) -> bool:
        """`p[` starts a pose when a comma follows its first element; `p[0]` is an element of a variable p."""
        if self.here.text != "p" or self.tokens[self.at + 1].text != "[":
            return False
        depth = 0
        for token in self.tokens[self.at + 1 :]:
            depth += (token.text in ("[", "(")) - (token.text in ("]", ")"))
            if depth == 0 or (depth == 1 and token.text == ","):
                return depth == 1
        return False


@lru_cache(maxsize=32)
def _code(text: str, blocking: frozenset[str]) -> Any:
    try:
        return compile(_Writer(text, blocking).program(), "<urscript>", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise ScriptError(f"The program cannot be compiled ({error}); check its loops and argument lists.") from error


def compile_program(text: str, builtins: dict[str, Callable[..., Any]], blocking: frozenset[str]) -> Callable[[], Any]:
    """Turn a program text into its main generator function.

    Args:
        text: one complete program (`def name(): ... end`) or one line.
        builtins: URScript functions by name.
        blocking: names of those that are generators.

    Raises:
        ScriptError: the text cannot be parsed.
    """
    # Only text written by _Writer runs here: names are prefixed, strings quoted, and no Python builtin but
    # `int` can be reached.
    scope: dict[str, Any] = {"__builtins__": {"int": int}, "B": builtins, "G": {}}
    exec(_code(text, blocking), scope)
    main: Callable[[], Any] = scope["main"]
    return main
