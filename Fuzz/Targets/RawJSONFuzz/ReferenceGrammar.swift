/// RFC 8259, implemented rule by rule, slow and simple. The scanner must accept the same documents.
struct ReferenceGrammar {
    private let bytes: [UInt8]
    private var at = 0

    /// Whether `document` is one value that nests at most `depth` deep, with white space around it.
    static func accepts(_ document: [UInt8], depth: Int) -> Bool {
        var grammar = ReferenceGrammar(bytes: document)
        guard String(validating: document, as: UTF8.self) != nil, grammar.value(depth) else { return false }
        grammar.space()
        return grammar.at == document.count
    }

    private init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    private var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    private mutating func match(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        at += 1
        return true
    }

    private mutating func matchAll(_ text: StaticString) -> Bool {
        let rest = bytes[at...]
        guard rest.starts(with: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) else {
            return false
        }
        at += text.utf8CodeUnitCount
        return true
    }

    private mutating func space() {
        while let byte = next, [0x20, 0x09, 0x0A, 0x0D].contains(byte) { at += 1 }
    }

    private mutating func value(_ depth: Int) -> Bool {
        space()
        switch next {
        case UInt8(ascii: "{"): return list("{", "}", depth) { grammar in grammar.member(depth - 1) }
        case UInt8(ascii: "["): return list("[", "]", depth) { grammar in grammar.value(depth - 1) }
        case UInt8(ascii: "\""): return string()
        default: return matchAll("true") || matchAll("false") || matchAll("null") || number()
        }
    }

    private mutating func list(
        _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ depth: Int, _ element: (inout ReferenceGrammar) -> Bool
    ) -> Bool {
        guard depth > 0, match(open) else { return false }
        space()
        if match(close) { return true }
        repeat {
            guard element(&self) else { return false }
            space()
        } while match(",")
        return match(close)
    }

    private mutating func member(_ depth: Int) -> Bool {
        space()
        guard string() else { return false }
        space()
        return match(":") && value(depth)
    }

    private mutating func string() -> Bool {
        guard match("\"") else { return false }
        while let byte = next, byte != UInt8(ascii: "\"") {
            guard byte >= 0x20 else { return false }
            at += 1
            guard byte == UInt8(ascii: "\\") else { continue }
            guard let escape = next else { return false }
            at += 1
            if escape == UInt8(ascii: "u") {
                guard at + 4 <= bytes.count, bytes[at..<at + 4].allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit })
                else { return false }
                at += 4
            } else if !"\"\\/bfnrt".utf8.contains(escape) {
                return false
            }
        }
        return match("\"")
    }

    private mutating func number() -> Bool {
        _ = match("-")
        guard match("0") || digits() else { return false }
        if match(".") { guard digits() else { return false } }
        if match("e") || match("E") {
            _ = match("-") || match("+")
            return digits()
        }
        return true
    }

    private mutating func digits() -> Bool {
        let start = at
        while let byte = next, (0x30...0x39).contains(byte) { at += 1 }
        return at > start
    }
}
