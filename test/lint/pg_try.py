"""pg_try.py - nothing may leave the body of a PG_TRY other than by its end.

A return, throw, break or goto out of it leaves PG_exception_stack pointing at a dead frame: the next
error crashes the session. No compiler warns. A small parser knows loops, switches and lambdas, since
`break` in a loop of the body and `return` in a lambda stay inside; `throw` never does.
"""

import re

TOKEN = re.compile(r"[A-Za-z_]\w*|::|->|\d[\w.']*|\S")
BORDERS = ("PG_CATCH", "PG_FINALLY", "PG_END_TRY")
OPENING = {"(": ")", "[": "]", "{": "}"}


class Context:
    def __init__(self, loop=False, switch=False, in_lambda=False):
        self.loop, self.switch, self.in_lambda = loop, switch, in_lambda

    def inside(self, **more):
        return Context(**{**vars(self), **more})


class Body:
    """A recursive descent over the statements of one body."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.at = 0
        self.escapes = []  # (offset, word)

    def peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def take_if(self, word):
        if self.peek() == word:
            self.at += 1

    def statements(self, context):
        while self.peek() not in (None, "}"):
            self.statement(context)

    def block(self, context):
        self.take_if("{")
        self.statements(context)
        self.take_if("}")

    def statement(self, context):
        word = self.peek()
        if word == "{":
            self.block(context)
        elif word in ("for", "while"):
            self.take()
            self.parentheses(context)
            self.statement(context.inside(loop=True))
        elif word == "do":
            self.take()
            self.statement(context.inside(loop=True))
            self.expression(context)
        elif word == "switch":
            self.take()
            self.parentheses(context)
            self.statement(context.inside(switch=True))
        elif word in ("if", "catch"):
            self.take()
            self.take_if("constexpr")
            self.parentheses(context)
            self.statement(context)
            if self.peek() == "else":
                self.take()
                self.statement(context)
        elif word == "try":
            self.take()
            self.statement(context)
        elif word in ("case", "default"):
            while self.peek() not in (None, ":"):
                self.take()
            self.take_if(":")
        else:
            self.jump(word, context)
            self.expression(context)

    def jump(self, word, context):
        stays = {"return": context.in_lambda, "co_return": context.in_lambda, "goto": False,
                 "break": context.loop or context.switch, "continue": context.loop}
        if word in stays and not stays[word]:
            self.escapes.append((self.tokens[self.at][1], word))

    def parentheses(self, context):
        if self.peek() == "(":
            self.take()
            self.until(")", context)

    def expression(self, context):
        self.until(";", context)

    def until(self, closing, context):
        """Takes everything up to and with `closing`; the bodies of lambdas are parsed."""
        lambda_ahead = False
        previous = None
        while self.peek() is not None:
            word = self.peek()
            if word == "{" and lambda_ahead:
                self.block(Context(in_lambda=True))
                lambda_ahead = False
                previous = "}"
                continue
            if word == "}" and closing == ";":
                return  # a missing semicolon; let the block end
            word, offset = self.take()
            if word == closing:
                return
            if word == "throw":
                self.escapes.append((offset, word))
            if word == "[" and not is_operand(previous):
                lambda_ahead = True
            if word in OPENING:
                self.until(OPENING[word], context)
                word = OPENING[word]
            previous = word


def is_operand(word):
    """Could a subscript follow? If not, a bracket begins a lambda."""
    return word is not None and word not in ("return",) and (
        word in (")", "]") or re.match(r"\w", word) is not None)


def bodies(tokens):
    """The tokens of each PG_TRY body; inner ones come out by themselves and within the outer one."""
    for begin, (word, _) in enumerate(tokens):
        if word != "PG_TRY":
            continue
        depth = 0
        for end in range(begin, len(tokens)):
            depth += 1 if tokens[end][0] == "PG_TRY" else 0
            if depth == 1 and tokens[end][0] in BORDERS:
                yield tokens[begin + 4:end]  # after PG_TRY ( ) ;
                break
            depth -= 1 if tokens[end][0] == "PG_END_TRY" else 0


def escapes(source):
    """(offset, word) of every jump out of a PG_TRY body, in the order of the file."""
    tokens = [(match.group(), match.start()) for match in TOKEN.finditer(source.code)]
    found = set()
    for body_tokens in bodies(tokens):
        body = Body(body_tokens)
        while body.peek() is not None:
            body.statements(Context())
            body.take_if("}")
        found.update(body.escapes)
    return sorted(found)
