import Foundation
import RawJSON
import Support

/// A type that ``JSONReader`` decodes without calling its `init(from:)`.
protocol JSONReadable {
    init(reading reader: JSONReader) throws
}

extension String: JSONReadable {
    init(reading reader: JSONReader) throws {
        guard let text = reader.withBytes(JSONText.string) else { throw reader.mismatch(String.self) }
        self = text
    }
}

extension Bool: JSONReadable {
    init(reading reader: JSONReader) throws {
        guard reader.kind == .bool else { throw reader.mismatch(Bool.self) }
        self = reader.withBytes { $0.first == UInt8(ascii: "t") }
    }
}

extension JSONReadable where Self: FixedWidthInteger {
    /// `1e3` and `1.0` are whole numbers, too.
    init(reading reader: JSONReader) throws {
        guard let number = reader.withBytes(JSONNumber.init) else { throw reader.mismatch(Self.self) }
        if let value = number.int64.flatMap(Self.init(exactly:)) {
            self = value
        } else if let value = Self(reader.withBytes { String(decoding: $0, as: UTF8.self) }) {
            self = value  // beyond Int64
        } else if number.double.rounded() == number.double {
            throw reader.corrupted("it must be from \(Self.min) to \(Self.max)")
        } else {
            throw reader.mismatch(Self.self)
        }
    }
}

extension Int: JSONReadable {}
extension Int8: JSONReadable {}
extension Int16: JSONReadable {}
extension Int32: JSONReadable {}
extension Int64: JSONReadable {}
extension UInt: JSONReadable {}
extension UInt8: JSONReadable {}
extension UInt16: JSONReadable {}
extension UInt32: JSONReadable {}
extension UInt64: JSONReadable {}

extension JSONReadable where Self: BinaryFloatingPoint {
    init(reading reader: JSONReader) throws {
        guard let number = reader.withBytes(JSONNumber.init) else { throw reader.mismatch(Self.self) }
        self = Self(number.double)
        guard isFinite else { throw reader.corrupted("the number is too large") }
    }
}

extension Double: JSONReadable {}
extension Float: JSONReadable {}

extension Decimal: JSONReadable {
    init(reading reader: JSONReader) throws {
        guard reader.kind == .number,
            let value = Decimal(string: reader.withBytes { String(decoding: $0, as: UTF8.self) })
        else {
            throw reader.mismatch(Double.self)
        }
        self = value
    }
}

extension Date: JSONReadable {
    init(reading reader: JSONReader) throws {
        let text = try String(reading: reader)
        let whole = Date.ISO8601FormatStyle(), fractions = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = (try? fractions.parse(text)) ?? (try? whole.parse(text)) else {
            throw reader.corrupted("it must be a time such as 2026-11-23T01:15:57.042Z")
        }
        self = date
    }
}

extension Data: JSONReadable {
    init(reading reader: JSONReader) throws {
        guard let data = Data(base64Encoded: try String(reading: reader)) else {
            throw reader.corrupted("it must be base64")
        }
        self = data
    }
}

extension URL: JSONReadable {
    init(reading reader: JSONReader) throws {
        guard let url = URL(string: try String(reading: reader)) else { throw reader.corrupted("it must be a URL") }
        self = url
    }
}

extension JSON: JSONReadable {
    init(reading reader: JSONReader) { self.init(unchecked: reader.withBytes { Array($0) }) }
}

/// An object with any members. Its keys become Swift `String`s. Comparing those may cost more than their length, so the
/// length is limited.
extension Dictionary: JSONReadable where Key == String, Value: Decodable {
    init(reading reader: JSONReader) throws {
        guard reader.kind == .object else { throw reader.mismatch(Self.self) }
        let members = JSONMembers(of: reader.document, from: reader.range.lowerBound).all
        self.init(minimumCapacity: members.count)
        for (name, range) in members {
            guard name.count <= JSONMembers.longestName else {
                throw reader.corrupted("a key has \(name.count) bytes, more than \(JSONMembers.longestName)")
            }
            let member = JSONReader(reader.document, range, in: reader.codingPath, at: JSONKey(name.text))
            if member.isNull, !(Value.self is any ExpressibleByNilLiteral.Type), Value.self != JSON.self {
                throw member.foundNull(Value.self)
            }
            self[name.text] = try member.read(Value.self)
        }
    }
}

/// The name of a dictionary's member, as part of a coding path.
private struct JSONKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(_ name: String) { stringValue = name }
    init?(stringValue: String) { self.init(stringValue) }
    init?(intValue: Int) { return nil }
}
