import Foundation

/// Finds the text of a value inside a JSON document that is known to be valid: it skips, it does not check.
/// Every step is bounded by the text, so that a document that is not valid finds nothing and harms nobody.
struct JSONSlice {
    private let text: ArraySlice<UInt8>

    init(of text: [UInt8]) { self.text = text[...] }

    /// The value at a path of members and elements; nil if there is none.
    func value(at path: [any CodingKey]) -> ArraySlice<UInt8>? {
        var found = trimmed(text)
        for key in path {
            guard let next = key.intValue.map({ element($0, of: found) }) ?? member(key.stringValue, of: found) else { return nil }
            found = next
        }
        return found
    }

    /// The element at `index` of an array; nil if there is none.
    func element(_ index: Int) -> ArraySlice<UInt8>? { element(index, of: trimmed(text)) }

    private func element(_ index: Int, of array: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard array.first == UInt8(ascii: "[") else { return nil }
        var at = array.startIndex + 1
        var position = 0
        while let value = next(in: array, from: &at) {
            if position == index { return value }
            position += 1
            guard pass(UInt8(ascii: ","), in: array, at: &at) else { return nil }
        }
        return nil
    }

    private func member(_ name: String, of object: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard object.first == UInt8(ascii: "{") else { return nil }
        var at = object.startIndex + 1
        var found: ArraySlice<UInt8>?
        while let key = next(in: object, from: &at), pass(UInt8(ascii: ":"), in: object, at: &at),
            let value = next(in: object, from: &at)
        {
            // The first of two equal keys, as Foundation's decoder takes it.
            if isKey(key, name) { found = value; break }
            guard pass(UInt8(ascii: ","), in: object, at: &at) else { break }
        }
        return found
    }

    private func isKey(_ raw: ArraySlice<UInt8>, _ name: String) -> Bool {
        guard raw.count >= 2 else { return false }
        let inner = raw.dropFirst().dropLast()
        if !inner.contains(UInt8(ascii: "\\")) { return inner.elementsEqual(name.utf8) }
        return (try? JSONDecoder().decode(String.self, from: Data(raw))) == name
    }

    /// The value that begins at or after `at`, which is moved behind it.
    private func next(in text: ArraySlice<UInt8>, from at: inout Int) -> ArraySlice<UInt8>? {
        skipBlanks(in: text, at: &at)
        guard at < text.endIndex else { return nil }
        let start = at
        var depth = 0
        repeat {
            switch text[at] {
            case UInt8(ascii: "\""):
                guard skipString(in: text, at: &at) else { return nil }
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                at += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"):
                if depth == 0 { return nil }
                depth -= 1
                at += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                if depth == 0 { return nil }
                at += 1
            default:
                while at < text.endIndex, !Self.ends(text[at]) { at += 1 }
                if depth > 0 { skipBlanks(in: text, at: &at) }
            }
        } while depth > 0 && at < text.endIndex
        return depth == 0 ? text[start..<at] : nil
    }

    private func skipString(in text: ArraySlice<UInt8>, at: inout Int) -> Bool {
        at += 1
        while at < text.endIndex {
            switch text[at] {
            case UInt8(ascii: "\\"): at += 2
            case UInt8(ascii: "\""):
                at += 1
                return true
            default: at += 1
            }
        }
        return false
    }

    private func pass(_ byte: UInt8, in text: ArraySlice<UInt8>, at: inout Int) -> Bool {
        skipBlanks(in: text, at: &at)
        guard at < text.endIndex, text[at] == byte else { return false }
        at += 1
        return true
    }

    private func skipBlanks(in text: ArraySlice<UInt8>, at: inout Int) {
        while at < text.endIndex, Self.isBlank(text[at]) { at += 1 }
    }

    private func trimmed(_ text: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var text = text.drop(while: Self.isBlank)
        while let last = text.last, Self.isBlank(last) { text.removeLast() }
        return text
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private static func ends(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: ","), UInt8(ascii: ":"), UInt8(ascii: "]"), UInt8(ascii: "}"), UInt8(ascii: "["), UInt8(ascii: "{"),
            UInt8(ascii: "\""):
            true
        default: isBlank(byte)
        }
    }
}
