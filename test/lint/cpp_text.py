"""cpp_text.py - just enough understanding of C++ text for the checks: no comments, no literals."""

import re

# In this order: what begins first wins. A quote after a digit separates digits: 1'000'000.
HIDDEN = re.compile(
    r"""//[^\n]*
      | /\*.*?\*/
      | R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"
      | "(?:\\.|[^"\\\n])*"
      | (?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'
    """, re.VERBOSE | re.DOTALL)

DIRECTIVE = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"][^>"\n]+[>"])', re.MULTILINE)
TYPE_HEADER = re.compile(r"\b(class|struct|union|enum)\b")


def blank(text):
    """As many characters on as many lines, all of them spaces."""
    return re.sub(r"[^\n]", " ", text)


def hide(match):
    text = match.group()
    if text.startswith("/"):
        return blank(text)
    return text[0] + blank(text[1:-1]) + text[-1]


class Source:
    """A file, its text, and its code: the text with comments, literals and directives blanked."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.visible = HIDDEN.sub(hide, text)
        self.code = DIRECTIVE.sub(lambda match: blank(match.group()), self.visible)

    def line(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def finding(self, offset, message):
        return f"{self.path}:{self.line(offset)}: {message}"

    def includes(self):
        """(offset, <name> or "name") of each include that is not in a comment."""
        for match in INCLUDE.finditer(self.text):
            if self.visible[match.start():match.end()].strip():
                yield match.start(1), match.group(1)

    def arguments(self, offset):
        """The code between the parenthesis that opens at or after the offset and its partner."""
        start = self.code.index("(", offset)
        return self.code[start + 1:self.partner(start, "(", ")")]

    def partner(self, start, opening, closing):
        """Where what opens at the start is closed; the end of the code if it is not."""
        depth = 0
        for end in range(start, len(self.code)):
            depth += {opening: 1, closing: -1}.get(self.code[end], 0)
            if depth == 0:
                return end
        return len(self.code)

    def functions(self):
        """(start, end) of each function definition, from its first word to its closing brace."""
        open_scopes = []     # for each brace: does it open a function?
        depth_inside = 0     # braces open since the function began
        header = 0           # where the text before the next brace begins
        for at, character in enumerate(self.code):
            if character == "{":
                if depth_inside == 0 and is_function_header(self.code[header:at]):
                    depth_inside = 1
                    open_scopes.append(True)
                    begin = header
                else:
                    depth_inside += 1 if depth_inside else 0
                    open_scopes.append(False)
                    header = header if depth_inside else at + 1
            elif character == "}" and open_scopes:
                was_function = open_scopes.pop()
                depth_inside -= 1 if depth_inside else 0
                # A brace in an initialiser list is not the body yet: `: a_{1}, b_{2} { ... }`.
                if was_function and not re.match(r"\s*[,{]", self.code[at + 1:at + 200]):
                    yield begin + leading_blanks(self.code[begin:]), at
                    header = at + 1
                elif not depth_inside and not was_function:
                    header = at + 1
            elif character == ";" and depth_inside == 0:
                header = at + 1

    def private_parts(self):
        """(start, end) of each unnamed namespace that is no part of a class or function."""
        for match in re.finditer(r"^namespace \{", self.code, re.MULTILINE):
            yield match.start(), self.partner(match.end() - 1, "{", "}")


def leading_blanks(text):
    return len(text) - len(text.lstrip())


def is_function_header(text):
    if "(" not in text or re.search(r'\bnamespace\b|\bextern\s*"\s*"\s*$', text):
        return False
    before_arguments = text[:text.index("(")]
    if TYPE_HEADER.search(before_arguments) and ")" not in text.split("(", 1)[1]:
        return False
    return not re.search(r"(?<!operator)(?<![=!<>])=(?!=)", before_arguments)
