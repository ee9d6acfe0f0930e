"""Checks the names and the types of fields in jackfield.h.

No field may have a keyword as its name, since bindings repeat these names; and no field or argument may have a type
whose size differs between machines or compilers. The exit code is 1 if there is one, with one line for each.
"""

import keyword
import re
import sys
from pathlib import Path

# Reserved words, without those that are reserved only in some places and may be names elsewhere.
KEYWORDS = {
    "C++": """
        alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class
        compl concept const consteval constexpr constinit const_cast continue co_await co_return co_yield decltype
        default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline
        int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register
        reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template
        this thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t
        while xor xor_eq
    """,
    "Rust": """
        abstract as async await become box break const continue crate do dyn else enum extern false final fn for gen
        if impl in let loop macro match mod move mut override priv pub ref return self static struct super trait true
        try type typeof unsafe unsized use virtual where while yield
    """,
    "Go": """
        break case chan const continue default defer else fallthrough for func go goto if import interface map package
        range return select struct switch type var
    """,
    "Zig": """
        addrspace align allowzero and anyframe anytype asm async await break callconv catch comptime const continue
        defer else enum errdefer error export extern fn for if inline linksection noalias noinline nosuspend opaque or
        orelse packed pub resume return struct suspend switch test threadlocal try union unreachable usingnamespace
        var volatile while
    """,
    "Swift": """
        Any Self as associatedtype break case catch class continue default defer deinit do else enum extension
        fallthrough false fileprivate for func guard if import in init inout internal is let nil operator
        precedencegroup private protocol public repeat rethrows return self static struct subscript super switch throw
        throws true try typealias var where while
    """,
    "JavaScript": """
        arguments await break case catch class const continue debugger default delete do else enum eval export extends
        false finally for function if implements import in instanceof interface let new null package private protected
        public return static super switch this throw true try typeof var void while with yield
    """,
    "Python": " ".join(keyword.kwlist),
}

# float and double are IEEE 754 numbers of 4 and 8 bytes in every C ABI that the host supports.
VARYING = re.compile(r"\b(long|short|int|unsigned|size_t|ssize_t|bool|_Bool|wchar_t|enum)\b")


def main(path):
    text = re.sub(r"/\*.*?\*/", "", Path(path).read_text(), flags=re.S)
    problems = []
    languages = {}
    for language, words in KEYWORDS.items():
        for word in words.split():
            languages.setdefault(word, []).append(language)

    def check(name, where):
        if name in languages:
            problems.append(f"{where}: '{name}' is a keyword of {', '.join(languages[name])}")

    structures = re.findall(r"typedef struct (\w+) \{(.*?)\n\} \1;", text, flags=re.S)
    if len(structures) < 30:
        problems.append(f"only {len(structures)} structures were found: has their form changed?")
    for structure, body in structures:
        for declaration in filter(None, (part.strip() for part in body.split(";"))):
            function = re.match(r".*?\(\*(\w+)\)\(.*\)$", declaration, flags=re.S)
            if function:
                check(function[1], structure)
                types = declaration
            else:
                field = re.match(r"(.*?)(\w+)\s*(\[\w+\])?$", declaration, flags=re.S)
                check(field[2], structure)
                types = field[1]
                if ":" in declaration:
                    problems.append(f"{structure}: '{' '.join(declaration.split())}' is a bit-field")
            if varying := VARYING.search(types):
                problems.append(
                    f"{structure}: '{' '.join(declaration.split())}' has the type '{varying[0]}', which differs "
                    "between machines"
                )
    for name in re.findall(r"typedef \w[\w *]*\(\*(\w+)\)", text):
        check(name, "typedef")
    print("\n".join(problems) or f"{len(structures)} structures have names and types for every language")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
