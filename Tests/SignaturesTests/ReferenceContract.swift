import RawJSON
import Signatures
import Support

/// Checks arguments in the simplest way, over a tree of values. `Contract` must agree.
struct ReferenceContract {
    enum Answer: Equatable {
        case valid
        /// The index of the first wrong or missing argument.
        case argument(Int)
        case tooMany
    }

    let signature: Signature
    let attachments: Int
    let binary: BinaryForm

    func arguments(_ values: [JSONValue]) -> Answer {
        for (index, parameter) in signature.parameters.enumerated() {
            let isValid = index < values.count ? accepts(values[index], parameter.type) : parameter.type.isOptional
            if !isValid { return .argument(index) }
        }
        return values.count > signature.parameters.count ? .tooMany : .valid
    }

    func accepts(_ value: JSONValue, _ type: SignatureType) -> Bool {
        switch (type, value) {
        case (.optional, .null), (.json, _), (.bool, .bool), (.string, .string): true
        case (.optional(let wrapped), _): accepts(value, wrapped)
        case (.i32, .number(let text)): Self.whole(text.text).map { Int32($0) != nil } ?? false
        case (.i64, .number(let text)): Self.whole(text.text).map { Int64($0) != nil } ?? false
        case (.u32, .number(let text)): Self.whole(text.text).map { UInt32($0) != nil } ?? false
        case (.u64, .number(let text)): Self.whole(text.text).map { UInt64($0) != nil } ?? false
        case (.f64, .number(let text)): Double(text.text)?.isFinite ?? false
        case (.f32, .number(let text)): Double(text.text).map { Float($0).isFinite } ?? false
        case (.cstring, .string(let text)): !text.utf8.contains(0)
        case (.bytes, .string(let text)): binary == .base64 && Self.isBase64(text.text)
        case (.bytes, .object): binary == .attachment && isPlaceholder(value)
        case (.array(let element), .array(let elements)): elements.allSatisfy { accepts($0, element) }
        case (.record(let record), .object(let members)):
            record.fields.allSatisfy { field in
                value[field.name].map { accepts($0, field.type) } ?? field.type.isOptional
            } && (record.isOpen || members.allSatisfy { member in record.fields.contains { $0.name == member.key } })
        default: false
        }
    }

    private func isPlaceholder(_ value: JSONValue) -> Bool {
        guard value["_placeholder"] == .bool(true), case .number(let number) = value["num"],
            let index = Self.whole(number.text).flatMap({ Int($0) })
        else { return false }
        return index >= 0 && index < attachments
    }

    private static func isBase64(_ text: String) -> Bool {
        let digits = text.prefix { $0 != "=" }
        let padding = text.utf8.count - digits.utf8.count
        let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
        guard digits.utf8.allSatisfy({ alphabet.utf8.contains($0) }),
            text.utf8.suffix(padding).allSatisfy({ $0 == UInt8(ascii: "=") })
        else { return false }
        return digits.utf8.count % 4 != 1 && (padding == 0 || padding < 3 && text.utf8.count % 4 == 0)
    }

    /// A whole number without a fraction and an exponent, and without the sign of zero; `nil` for other numbers. What
    /// exceeds 100 digits is "x", which no type accepts.
    private static func whole(_ number: String) -> String? {
        let isNegative = number.utf8.first == UInt8(ascii: "-")
        let parts = number.utf8.drop { $0 == UInt8(ascii: "-") }.split { $0 | 0x20 == UInt8(ascii: "e") }
        let mantissa = parts[0].split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        var digits = Array(mantissa[0])
        var exponent = parts.count > 1 ? Int(String(decoding: parts[1], as: UTF8.self)) ?? 0 : 0
        if parts.count > 1, exponent == 0, parts[1].contains(where: { (0x31...0x39).contains($0) }) {
            // An exponent beyond `Int`.
            exponent = parts[1].first == UInt8(ascii: "-") ? .min / 2 : .max / 2
        }
        if mantissa.count > 1 {
            digits += mantissa[1]
            exponent -= mantissa[1].count
        }
        while let last = digits.last, last == 0x30 {
            digits.removeLast()
            exponent += 1
        }
        digits = Array(digits.drop { $0 == 0x30 })
        if digits.isEmpty { return "0" }
        if exponent < 0 { return nil }
        if exponent > 100 { return "x" }
        let text = String(decoding: digits + [UInt8](repeating: 0x30, count: exponent), as: UTF8.self)
        return (isNegative ? "-" : "") + text
    }
}
