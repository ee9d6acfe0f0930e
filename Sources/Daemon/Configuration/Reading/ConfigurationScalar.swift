import Yams

/// A scalar by YAML 1.2's core schema: `yes`, `no`, `on` and `off` are text, so that a country code stays one.
enum ConfigurationScalar: Equatable {
    /// Nothing, `~` or `null`.
    case null
    case boolean(Bool)
    case integer(Int)
    case number(Double)
    case text(String)
}

extension ConfigurationScalar {
    init(_ scalar: Node.Scalar) {
        let quoted = scalar.style != .plain && scalar.style != .any
        self = quoted || scalar.tag.rawValue == Tag.Name.str.rawValue ? .text(scalar.string) : Self(plain: scalar.string)
    }

    init(plain text: String) {
        switch text {
        case "", "~", "null", "Null", "NULL": self = .null
        case "true", "True", "TRUE": self = .boolean(true)
        case "false", "False", "FALSE": self = .boolean(false)
        default:
            if let integer = Self.integer(text) {
                self = .integer(integer)
            } else if let number = Self.number(text) {
                self = .number(number)
            } else {
                self = .text(text)
            }
        }
    }

    private static func integer(_ text: String) -> Int? {
        if text.hasPrefix("0x") { return Int(text.dropFirst(2), radix: 16) }
        if text.hasPrefix("0o") { return Int(text.dropFirst(2), radix: 8) }
        return Int(text)
    }

    /// `Double.init` also reads `nan`, `infinity` and hexadecimal floats, which YAML spells otherwise or not at all.
    private static func number(_ text: String) -> Double? {
        switch text {
        case ".inf", ".Inf", ".INF", "+.inf": return .infinity
        case "-.inf", "-.Inf", "-.INF": return -.infinity
        case ".nan", ".NaN", ".NAN": return .nan
        default:
            let allowed = text.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || "+-.eE".utf8.contains(byte)
            }
            return allowed ? Double(text) : nil
        }
    }
}
