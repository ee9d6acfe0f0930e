import RawJSON
import Support

/// Writes a Swift file for clients: one struct for each event, which turns typed members into the `[Any]` that
/// socket.io-client-swift emits, and the `[Any]` that it delivers into typed members.
///
/// The file needs Foundation only. The same events give the same text. docs/signatures.md shows an example.
public enum SwiftTypes {
    public static func text(of types: ClientTypes) -> String {
        var code = SwiftCode()
        code.text = header
        for namespace in types.namespaces {
            write(namespace.fromServer, to: &code, name: "\(namespace.prefix)ServerToClientEvents")
            write(namespace.fromClient, to: &code, name: "\(namespace.prefix)ClientToServerEvents")
        }
        return code.text
    }

    private static func write(_ events: [ClientTypes.Event], to code: inout SwiftCode, name: String) {
        code.text += "\n"
        code.block("enum \(name)") { code in
            var names = UniqueNames()
            for event in events {
                let name = names.add("\(ClientTypes.typeName(event.name, or: ""))Event")
                guard let signature = event.signature else {
                    writeUntyped(event, to: &code, name: name)
                    continue
                }
                code.line("/// `\(signature)`")
                code.block("struct \(name): JackfieldEvent") { code in
                    code.line("static let name = \(literal(event.name))")
                    var records = UniqueNames()
                    write(signature, to: &code, &records)
                }
            }
        }
    }

    private static func writeUntyped(_ event: ClientTypes.Event, to code: inout SwiftCode, name: ByteString) {
        code.block("struct \(name): JackfieldEvent") { code in
            code.line("static let name = \(literal(event.name))")
            code.line("var arguments: [Any]")
            code.line("init(_ data: [Any]) { arguments = data }")
        }
    }

    private static func write(_ signature: Signature, to code: inout SwiftCode, _ records: inout UniqueNames) {
        let names = ClientTypes.names(of: signature.parameters, reserved: reserved)
        let members = zip(names, signature.parameters).map { name, parameter in
            Member(
                name: shown(name), key: "",
                type: text(of: parameter.type, named: ClientTypes.typeName(name, or: ""), &code, &records))
        }
        let result = signature.result.map { text(of: $0, named: "Result", &code, &records) }
        write(members, to: &code)
        code.line("var arguments: [Any] { [\(members.map { "\($0.name).jackfieldValue" }.joined(separator: ", "))] }")
        writeInit("init?(_ data: [Any])", members, to: &code) { "data, \($0)" }
        if let result {
            code.block("static func result(_ data: [Any]) throws -> \(result)") { code in
                code.line("try Jackfield.result(data, as: \(metatype(result)))")
            }
        } else if signature.canFail {
            code.block("static func check(_ data: [Any]) throws") { code in
                code.line("if let error = JackfieldError(data) { throw error }")
            }
        }
    }

    // MARK: Types

    /// A stored property of a struct.
    private struct Member {
        let name: ByteString
        /// The name of a record's field.
        let key: ByteString
        let type: String
    }

    /// The Swift type. Writes the structs of the records in it.
    ///
    /// - Parameter name: what a record is named after.
    private static func text(
        of type: SignatureType, named name: ByteString, _ code: inout SwiftCode, _ records: inout UniqueNames
    ) -> String {
        switch type {
        case .bool: return "Bool"
        case .i32: return "Int32"
        case .i64: return "Int64"
        case .u32: return "UInt32"
        case .u64: return "UInt64"
        case .f32: return "Float"
        case .f64: return "Double"
        case .string, .cstring: return "String"
        case .bytes: return "Data"
        case .json: return "JackfieldJSON"
        case .optional(let wrapped): return text(of: wrapped, named: name, &code, &records) + "?"
        case .array(let element): return "[\(text(of: element, named: name, &code, &records))]"
        case .record(let record): return write(record, named: name, to: &code, &records)
        }
    }

    /// Writes a struct and returns its name.
    private static func write(
        _ record: SignatureType.Record, named name: ByteString, to code: inout SwiftCode, _ records: inout UniqueNames
    ) -> String {
        let type = records.add("\(name)Record")
        var names = UniqueNames(reserved)
        let members = record.fields.map { field in
            Member(
                name: shown(names.add(field.name)), key: field.name,
                type: text(of: field.type, named: "\(name)\(ClientTypes.typeName(field.name, or: ""))", &code, &records)
            )
        }
        code.block("struct \(type): JackfieldValue") { code in
            write(members, to: &code)
            let pairs = members.map { "\(literal($0.key)): \($0.name).jackfieldValue" }.joined(separator: ", ")
            code.line("var jackfieldValue: Any { [\(pairs.isEmpty ? ":" : pairs)] as [String: Any] }")
            code.block("init?(jackfieldValue: Any)") { code in
                code.line("guard let object = jackfieldValue as? [String: Any] else { return nil }")
                code.line("self.init(object)")
            }
            writeInit("private init?(_ object: [String: Any])", members, to: &code) {
                "object, \(literal(members[$0].key))"
            }
        }
        return type.text
    }

    /// Writes the stored properties, and an initializer with all of them.
    private static func write(_ members: [Member], to code: inout SwiftCode) {
        for member in members { code.line("var \(member.name): \(member.type)") }
        let list = members.map { "\($0.name): \($0.type)\($0.type.utf8.last == UInt8(ascii: "?") ? " = nil" : "")" }
        code.block("init(\(list.joined(separator: ", ")))") { code in
            for member in members { code.line("self.\(member.name) = \(member.name)") }
        }
    }

    private static func writeInit(
        _ head: String, _ members: [Member], to code: inout SwiftCode, _ source: (Int) -> String
    ) {
        code.block(head) { code in
            for (index, member) in members.enumerated() {
                code.line(
                    "guard let value\(index) = Jackfield.value(\(source(index)), as: \(metatype(member.type))) "
                        + "else { return nil }")
            }
            for (index, member) in members.enumerated() { code.line("self.\(member.name) = value\(index)") }
        }
    }

    private static func metatype(_ type: String) -> String { "\(type).self" }

    // MARK: Names

    /// A Swift string literal. JSON's escapes are Swift's, except for those of control characters.
    private static func literal(_ text: ByteString) -> String {
        var literal = "\""
        for scalar in text.text.unicodeScalars {
            switch scalar {
            case "\"", "\\": literal += "\\" + String(scalar)
            case "\u{0}"..<" ", "\u{7F}", "\u{2028}", "\u{2029}": literal += "\\u{\(String(scalar.value, radix: 16))}"
            default: literal.unicodeScalars.append(scalar)
            }
        }
        return literal + "\""
    }

    private static func shown(_ name: ByteString) -> ByteString {
        keywords.contains(name) ? "`\(name)`" : name
    }

    /// Names that a property cannot have, or that the generated code uses.
    private static let reserved: Set<ByteString> = [
        "_", "self", "Self", "Type", "Protocol", "init", "arguments", "jackfieldValue", "dynamicType",
    ]

    private static let keywords: Set<ByteString> = [
        "Any", "as", "associatedtype", "break", "case", "catch", "class", "continue", "default", "defer", "deinit",
        "do",
        "else", "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if", "import",
        "in",
        "inout", "internal", "is", "let", "nil", "operator", "precedencegroup", "private", "protocol", "public",
        "repeat",
        "rethrows", "return", "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
        "typealias", "var", "where", "while", "await", "borrowing", "consuming", "package", "some", "any", "actor",
    ]

    private static let header = """
        // Generated by Jackfield from the signatures of its events. Changes are lost when it is generated again.

        import Foundation

        /// An event of Socket.IO: emit it with `socket.emit(E.name, with: event.arguments)`, and read what `socket.on(E.name)`
        /// delivers with `E(data)`, which is `nil` if the arguments are others.
        protocol JackfieldEvent {
            static var name: String { get }
            var arguments: [Any] { get }
            init?(_ data: [Any])
        }

        /// What a handler answers instead of a result.
        struct JackfieldError: Error {
            var code: String
            var message: String

            init(code: String, message: String) {
                self.code = code
                self.message = message
            }

            init?(_ data: [Any]) {
                guard let answer = data.first as? [String: Any], let error = answer["error"] as? [String: Any],
                    let code = error["code"] as? String
                else { return nil }
                self.init(code: code, message: error["message"] as? String ?? "")
            }
        }

        /// Any JSON value.
        struct JackfieldJSON: JackfieldValue {
            var jackfieldValue: Any
            init(jackfieldValue: Any) { self.jackfieldValue = jackfieldValue }
        }

        /// What converts to and from a value of the client.
        protocol JackfieldValue {
            init?(jackfieldValue: Any)
            var jackfieldValue: Any { get }
        }

        enum Jackfield {
            static func value<V: JackfieldValue>(_ data: [Any], _ index: Int, as: V.Type) -> V? {
                V(jackfieldValue: index < data.count ? data[index] : NSNull())
            }

            static func value<V: JackfieldValue>(_ object: [String: Any], _ key: String, as: V.Type) -> V? {
                V(jackfieldValue: object[key] ?? NSNull())
            }

            static func result<V: JackfieldValue>(_ data: [Any], as: V.Type) throws -> V {
                if let error = JackfieldError(data) { throw error }
                guard let result = value(data, 0, as: V.self) else {
                    throw JackfieldError(code: "invalid_result", message: "the result is not a \\(V.self)")
                }
                return result
            }
        }

        extension JackfieldValue where Self: FixedWidthInteger {
            init?(jackfieldValue: Any) {
                if let number = jackfieldValue as? Int64 {
                    self.init(exactly: number)
                } else if let number = jackfieldValue as? UInt64 {
                    self.init(exactly: number)
                } else if let number = jackfieldValue as? any BinaryInteger {
                    self.init(exactly: number)
                } else {
                    return nil
                }
            }
            var jackfieldValue: Any { self }
        }

        extension JackfieldValue where Self: BinaryFloatingPoint {
            init?(jackfieldValue: Any) {
                if let number = jackfieldValue as? Double {
                    self.init(number)
                } else if let number = jackfieldValue as? NSNumber {
                    self.init(number.doubleValue)
                } else if let number = jackfieldValue as? any BinaryInteger {
                    self.init(number)
                } else {
                    return nil
                }
            }
            var jackfieldValue: Any { self }
        }

        extension JackfieldValue {
            init?(jackfieldValue: Any) {
                guard let value = jackfieldValue as? Self else { return nil }
                self = value
            }
            var jackfieldValue: Any { self }
        }

        extension Bool: JackfieldValue {}
        extension Int32: JackfieldValue {}
        extension Int64: JackfieldValue {}
        extension UInt32: JackfieldValue {}
        extension UInt64: JackfieldValue {}
        extension Float: JackfieldValue {}
        extension Double: JackfieldValue {}
        extension String: JackfieldValue {}
        extension Data: JackfieldValue {}

        extension Optional: JackfieldValue where Wrapped: JackfieldValue {
            init?(jackfieldValue: Any) {
                if jackfieldValue is NSNull {
                    self = .none
                } else if let value = Wrapped(jackfieldValue: jackfieldValue) {
                    self = .some(value)
                } else {
                    return nil
                }
            }
            var jackfieldValue: Any { map(\\.jackfieldValue) ?? NSNull() }
        }

        extension Array: JackfieldValue where Element: JackfieldValue {
            init?(jackfieldValue: Any) {
                guard let values = jackfieldValue as? [Any] else { return nil }
                self = []
                for value in values {
                    guard let element = Element(jackfieldValue: value) else { return nil }
                    append(element)
                }
            }
            var jackfieldValue: Any { map(\\.jackfieldValue) }
        }

        """
}

/// Lines of Swift, indented by the blocks that they are in.
private struct SwiftCode {
    var text = ""
    private var depth = 0

    mutating func line(_ line: String) {
        text += String(repeating: " ", count: depth * 4) + line + "\n"
    }

    mutating func block(_ head: String, _ body: (inout SwiftCode) -> Void) {
        line(head + " {")
        depth += 1
        body(&self)
        depth -= 1
        line("}")
    }
}
