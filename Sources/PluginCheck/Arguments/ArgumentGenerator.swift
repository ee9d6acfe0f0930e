import RawJSON
import Signatures
import Support

/// Arguments of an event, as a client sends them.
struct GeneratedArguments {
    /// A JSON array.
    var json: [UInt8]
    var attachments: [[UInt8]] = []

    /// The JSON, for people.
    var excerpt: String { String(decoding: json, as: UTF8.self).cut(to: 160) }
}

/// Makes arguments that a signature allows, with the limits of each type among them.
struct ArgumentGenerator {
    var random: SeededGenerator
    private var attachments: [[UInt8]] = []
    /// Values made for the present arguments; bounds their size.
    private var made = 0

    /// The host accepts so many in one message.
    private static let mostAttachments = 10
    private static let mostValues = 2_000

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    /// Arguments that the signature allows.
    mutating func arguments(for signature: Signature) -> GeneratedArguments {
        (attachments, made) = ([], 0)
        var parameters = signature.parameters[...]
        // Optional arguments at the end may be missing.
        while let last = parameters.last, last.type.isOptional, random.happens(1, of: 2) { parameters.removeLast() }
        var writer = JSONWriter()
        writer.beginArray()
        for parameter in parameters { write(parameter.type, &writer, key: nil) }
        writer.endArray()
        return GeneratedArguments(json: writer.bytes, attachments: attachments)
    }

    /// Arguments that nearly fit the signature: one argument is of another type, missing, or too many.
    mutating func broken(for signature: Signature) -> GeneratedArguments {
        (attachments, made) = ([], 0)
        let wrong = Int.random(in: 0...signature.parameters.count, using: &random)
        var writer = JSONWriter()
        writer.beginArray()
        for (index, parameter) in signature.parameters.enumerated() {
            if index != wrong {
                write(parameter.type, &writer, key: nil)
            } else if random.happens(2, of: 3) {
                writer.raw(random.choose(HostileValues.values))
            }
        }
        if wrong == signature.parameters.count { writer.raw(random.choose(HostileValues.values)) }
        writer.endArray()
        return GeneratedArguments(json: writer.bytes, attachments: attachments)
    }

    private mutating func write(_ type: SignatureType, _ writer: inout JSONWriter, key: String?) {
        made += 1
        if let key { writer.name(key) }
        switch type {
        case .bool: writer.raw(random.choose(["true", "false"]))
        case .i32: writer.raw(integer(["0", "1", "-1", "2147483647", "-2147483648", "1e3", "-0", "20.0"], Int32.self))
        case .u32: writer.raw(integer(["0", "1", "4294967295", "1E2", "-0"], UInt32.self))
        case .i64:
            writer.raw(
                integer(["0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"], Int64.self))
        case .u64: writer.raw(integer(["0", "1", "18446744073709551615", "1e19"], UInt64.self))
        case .f32: writer.raw(random.choose(["0", "-0.0", "1.5", "3.4028234e38", "-1e-45", "16777217", "1e-400"]))
        case .f64:
            writer.raw(random.choose(["0", "-0", "0.1", "1.7976931348623157e308", "5e-324", "-1e308", "1e-400", "3"]))
        case .string: writer.raw(text(HostileValues.strings))
        case .cstring: writer.raw(text(HostileValues.terminatedStrings))
        case .bytes: writeBytes(&writer)
        case .json: writer.raw(random.choose(HostileValues.values))
        case .optional(let wrapped):
            if random.happens(1, of: 3) { writer.raw("null") } else { write(wrapped, &writer, key: nil) }
        case .array(let element):
            let count = made > Self.mostValues ? 0 : random.choose([0, 1, 2, 3, 20, 200])
            writer.beginArray()
            for _ in 0..<count where made <= Self.mostValues { write(element, &writer, key: nil) }
            writer.endArray()
        case .record(let record): write(record, &writer)
        }
    }

    private mutating func write(_ record: SignatureType.Record, _ writer: inout JSONWriter) {
        writer.beginObject()
        for field in record.fields.shuffled(using: &random) {
            if field.type.isOptional, random.happens(1, of: 3) { continue }
            write(field.type, &writer, key: field.name.text)
        }
        if record.isOpen, random.happens(1, of: 2) {
            writer.name("another member")
            writer.raw(random.choose(HostileValues.values))
        }
        writer.endObject()
    }

    /// One of the texts; none of the long ones where there are many.
    private mutating func text(_ texts: [String]) -> String {
        let text = random.choose(texts)
        return made > 20 && text.utf8.count > 300 ? #""long""# : text
    }

    private mutating func integer<Number: FixedWidthInteger>(_ special: [String], _ type: Number.Type) -> String {
        random.happens(1, of: 3) ? "\(Number.random(in: .min ... .max, using: &random))" : random.choose(special)
    }

    private mutating func writeBytes(_ writer: inout JSONWriter) {
        if attachments.count < Self.mostAttachments {
            let count = random.choose([0, 1, 3, 255, 4_096])
            attachments.append((0..<count).map { _ in UInt8.random(in: .min ... .max, using: &random) })
        }
        writer.raw(#"{"_placeholder":true,"num":\#(attachments.count - 1)}"#)
    }
}

extension JSONWriter {
    /// Writes a value that is valid JSON.
    fileprivate mutating func raw(_ json: String) { raw(json.utf8) }
}
