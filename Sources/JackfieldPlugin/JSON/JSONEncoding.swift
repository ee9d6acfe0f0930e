import Foundation
import RawJSON

/// Encodes to JSON. Unlike Foundation's encoder it keeps the order of members, copies ``JSON`` as it is, and puts ``Binary``
/// aside. Dates become RFC 3339 in UTC with milliseconds, `Data` base64, `URL` text.
enum JSONEncoding {
    static func write(_ value: any Encodable) throws -> (bytes: [UInt8], attachments: [[UInt8]]) {
        if let finished = value as? JSON { return (finished.bytes, []) }
        let attachments = Attachments()
        let node = try node(for: value, path: [], attachments: attachments)
        var json = JSONWriter()
        node.write(to: &json)
        return (json.bytes, attachments.all)
    }

    /// Several values as one array: the arguments of an event.
    static func write(array values: [any Encodable]) throws -> (bytes: [UInt8], attachments: [[UInt8]]) {
        let attachments = Attachments()
        var json = JSONWriter()
        json.beginArray()
        for value in values { try node(for: value, path: [], attachments: attachments).write(to: &json) }
        json.endArray()
        return (json.bytes, attachments.all)
    }

    /// Binary data met on the way, in order.
    final class Attachments {
        var all: [[UInt8]] = []
    }

    static func node(for value: any Encodable, path: [any CodingKey], attachments: Attachments) throws -> JSONNode {
        switch value {
        case let value as JSON: return .raw(value.bytes)
        case let value as String: return .text(value)
        case let value as Int: return .integer(value)
        case let value as Bool: return .bool(value)
        case let value as Binary:
            attachments.all.append(value.bytes)
            return .raw(Array(#"{"_placeholder":true,"num":\#(attachments.all.count - 1)}"#.utf8))
        case let value as Date: return .text(RFC3339.text(milliseconds: Int64((value.timeIntervalSince1970 * 1000).rounded())))
        case let value as Data: return .text(value.base64EncodedString())
        case let value as URL: return .text(value.absoluteString)
        case let value as Decimal: return .raw(Array("\(value)".utf8))
        default:
            let encoder = JSONNodeEncoder(codingPath: path, attachments: attachments)
            try value.encode(to: encoder)
            return encoder.node ?? .object(.init())
        }
    }
}
