import FuzzSupport
import RawJSON

/// Rules for quoting, unquoting and numbers, for any bytes.
enum TextRules {
    static func check(_ text: [UInt8]) {
        checkQuoting(text)
        checkUnquoting(text)
        checkNumber(text)
    }

    private static func checkQuoting(_ text: [UInt8]) {
        var quoted: [UInt8] = []
        text.withUnsafeBytes { JSONText.appendQuoted($0, to: &quoted) }
        require(JSONScanner.isValid(quoted), "quoted text is valid JSON")
        checkBuffer(quoted, "quote(into:)") { buffer in text.withUnsafeBytes { JSONText.quote($0, into: buffer) } }
        guard String(validating: text, as: UTF8.self) != nil else { return }
        let again = quoted.withUnsafeBytes { JSONText.string($0) }
        require(again.map { $0.utf8.elementsEqual(text) } ?? false, "a text survives being quoted and unquoted")
        withExactCopy(of: quoted) { token in
            require(
                text.withUnsafeBytes { JSONText.isEqual(UnsafeRawBufferPointer(token), to: $0) },
                "a quoted text is equal to the text")
        }
    }

    private static func checkUnquoting(_ token: [UInt8]) {
        withExactCopy(of: token) { token in
            let token = UnsafeRawBufferPointer(token)
            guard let text = JSONText.string(token) else { return }
            require(JSONScanner.isValid(token), "only a valid string can be unquoted")
            let bytes = Array(text.utf8)
            checkBuffer(bytes, "unquote(into:)") { JSONText.unquote(token, into: $0) ?? -1 }
            require(bytes.withUnsafeBytes { JSONText.isEqual(token, to: $0) }, "a token is equal to its unquoted text")
            require(
                !(bytes + [0x78]).withUnsafeBytes { JSONText.isEqual(token, to: $0) },
                "a token is not equal to a longer text")
            if !bytes.isEmpty {
                require(
                    !bytes.dropLast().withUnsafeBytes { JSONText.isEqual(token, to: $0) },
                    "a token is not equal to a shorter text")
            }
        }
    }

    private static func checkNumber(_ token: [UInt8]) {
        withExactCopy(of: token) { token in
            guard let number = JSONNumber(UnsafeRawBufferPointer(token)) else { return }
            require(JSONScanner.isValid(UnsafeRawBufferPointer(token)), "only valid JSON is read as a number")
            let text = String(decoding: token, as: UTF8.self)
            require(number.double == Double(text), "a number has the same value as Swift's Double")
            if case .integer(let value) = number {
                require(String(value) == text, "an integer is written as in the text")
            }
        }
    }

    /// As `snprintf`: for any size of the buffer, the result is the length of the whole text, and nothing is written
    /// past the end.
    private static func checkBuffer(
        _ expected: [UInt8], _ name: String, _ write: (UnsafeMutableRawBufferPointer) -> Int
    ) {
        for size in [0, expected.count / 2, expected.count] {
            withExactCopy(of: [UInt8](repeating: 0xEE, count: size)) { buffer in
                require(write(buffer) == expected.count, "\(name) returns the length of the whole text")
                if size == expected.count { require(buffer.elementsEqual(expected), "\(name) writes the text") }
            }
        }
    }
}
