# SPDX-License-Identifier: LGPL-2.1-or-later
"""A C file as the lint tests see it: its lines, its code without comments and
literals, its includes, and its functions with their length and nesting."""

import re

CONTROL = {"if", "for", "while", "switch"}
TOKEN = re.compile(r"[A-Za-z_]\w*|\S")
FOR_EACH = re.compile(r"\w*for_each\w*$")
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)
LEXEME = re.compile(
    r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)


def blank(text, literals=True):
    """The text with comments (and literals) replaced by blanks; lines and
    columns stay where they are."""
    def replace(match):
        found = match.group()
        if found[0] != "/" and not literals:
            return found
        if found[0] != "/":
            return found[0] + " " * (len(found) - 2) + found[0]
        return re.sub(r"[^\n]", " ", found)
    return LEXEME.sub(replace, text)


def without_directives(code):
    """The code with preprocessor lines blanked, continued ones included."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
                  lambda m: re.sub(r"[^\n]", " ", m.group()), code, flags=re.M)


def skip_group(tokens, i):
    """From an opening bracket to behind the closing one."""
    depth = 0
    while i < len(tokens):
        if tokens[i][0] in "([{":
            depth += 1
        elif tokens[i][0] in ")]}":
            depth -= 1
        i += 1
        if depth == 0:
            break
    return i


class Function:
    def __init__(self, name, first, last, nesting):
        self.name = name
        self.first = first
        self.last = last
        self.nesting = nesting

    @property
    def lines(self):
        return self.last - self.first + 1


class Body:
    """Measures how deep control statements stand inside each other."""

    def __init__(self, tokens, start):
        self.tokens = tokens
        self.deepest = 0
        self.end = self.block(start, 0)

    def word(self, i):
        return self.tokens[i][0] if i < len(self.tokens) else "}"

    def block(self, i, depth):
        """From "{" to behind its "}"."""
        i += 1
        while i < len(self.tokens) and self.word(i) != "}":
            i = self.statement(i, depth)
        return i + 1

    def nested(self, i, depth):
        self.deepest = max(self.deepest, depth)
        return self.statement(i, depth)

    def simple(self, i):
        """To behind the ";" (or ":" of a label)."""
        while i < len(self.tokens):
            word = self.word(i)
            if word in "([{":
                i = skip_group(self.tokens, i)
                continue
            if word == "}":
                return i
            i += 1
            if word == ";":
                break
        return i

    def if_statement(self, i, depth):
        i = self.nested(skip_group(self.tokens, i + 1), depth + 1)
        if self.word(i) != "else":
            return i
        if self.word(i + 1) == "if":
            return self.if_statement(i + 1, depth)
        return self.nested(i + 1, depth + 1)

    def statement(self, i, depth):
        word = self.word(i)
        if word == "{":
            return self.block(i, depth)
        if word == "if":
            return self.if_statement(i, depth)
        if word == "do":
            return self.simple(self.nested(i + 1, depth + 1))
        if word in CONTROL or (FOR_EACH.match(word)
                               and self.word(i + 1) == "("):
            return self.nested(skip_group(self.tokens, i + 1), depth + 1)
        if word in ("case", "default"):
            while self.word(i) != ":" and i < len(self.tokens):
                i += 1
            return i + 1
        return self.simple(i)


class Source:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()
        self.code = blank(text)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def includes(self):
        """(line, is it <...>, name) of each #include."""
        plain = blank(self.text, literals=False)
        for match in INCLUDE.finditer(plain):
            yield self.line_of(match.start()), match[1] == "<", match[2]

    def find(self, pattern):
        """The lines of the code, comments and literals left out, where a
        pattern matches, with the match."""
        for match in re.finditer(pattern, self.code):
            yield self.line_of(match.start()), match

    def functions(self):
        code = without_directives(self.code)
        tokens = [(m.group(), m.start()) for m in TOKEN.finditer(code)]
        i = 0
        first = 0
        while i < len(tokens):
            word = tokens[i][0]
            if word == "{" and self.is_definition(tokens, first, i):
                body = Body(tokens, i)
                yield self.function(tokens, first, i, body)
                i = first = body.end
                continue
            if word == "{" and self.word(tokens, i - 1) == '"':
                i += 1          # extern "C" {
                first = i
                continue
            if word in ("(", "{", "["):
                i = skip_group(tokens, i)
                continue
            i += 1
            if word in (";", "}"):
                first = i

    @staticmethod
    def word(tokens, i):
        return tokens[i][0] if 0 <= i < len(tokens) else ""

    @staticmethod
    def is_definition(tokens, first, brace):
        words = [t[0] for t in tokens[first:brace]]
        return "(" in words and "=" not in words

    def function(self, tokens, first, brace, body):
        i = first
        name = "?"
        while i < brace:
            if tokens[i + 1][0] == "(" and tokens[i][0] != "__attribute__":
                name = tokens[i][0]
                break
            if tokens[i][0] == "__attribute__":
                i = skip_group(tokens, i + 1)
                continue
            i += 1
        last = tokens[min(body.end, len(tokens)) - 1][1]
        return Function(name, self.line_of(tokens[first][1]),
                        self.line_of(last), body.deepest)
