import Foundation
import JackfieldPlugin
import Testing

/// The signatures that are derived from Swift types.
@Suite struct SignatureTests {
    enum Color: String, Codable, CaseIterable { case red, green }
    enum Level: Int, SignatureValue, CaseIterable {
        case low = 1
        case high
    }

    struct Row: SignatureValue, Equatable {
        let id: String
        let seen: Bool?
    }

    @Test func `every scalar has its type`() throws {
        #expect(try Bool.signatureType == "bool")
        #expect(try [Int.signatureType, Int64.signatureType, Int32.signatureType] == ["i64", "i64", "i32"])
        #expect(try [UInt.signatureType, UInt64.signatureType, UInt32.signatureType] == ["u64", "u64", "u32"])
        #expect(try [Float.signatureType, Double.signatureType] == ["f32", "f64"])
        #expect(try [String.signatureType, Binary.signatureType, JSON.signatureType] == ["string", "bytes", "json"])
    }

    @Test func `optionals and arrays nest`() throws {
        #expect(try Int?.signatureType == "i64?")
        #expect(try [String].signatureType == "string[]")
        #expect(try [[Double?]?].signatureType == "f64?[]?[]")
        #expect(try [JSON]?.signatureType == "json[]?")
        #expect(try [Row?].signatureType == "{id: string, seen: bool?}?[]")
    }

    @Test func `an optional of an optional is refused`() {
        #expect(throws: DerivationError.self) { try Int??.signatureType }
        struct Wrong: SignatureValue {
            let x: Int??
        }
        #expect { try Wrong.signatureType } throws: {
            "\($0)" == "an optional of an optional (in .x) has no type in signatures"
        }
    }

    @Test func `a struct is a record of its members in their order`() throws {
        struct Inner: Codable {
            let z: Int32
            var a: [Float]?
        }
        struct Outer: SignatureValue {
            let text: String
            let inner: Inner
            let list: [Inner]
            let maybe: Inner?
            let raw: JSON
            let data: Binary
            let any: [String: Int]
            let at: Date
            let home: URL
            let octets: Data
            let color: Color
            let colors: [Color?]
        }
        let inner = "{z: i32, a: f32[]?}"
        #expect(
            try Outer.signatureType
                == "{text: string, inner: \(inner), list: \(inner)[], maybe: \(inner)?, raw: json, data: bytes, any: json, "
                + "at: string, home: string, octets: string, color: string, colors: string?[]}")
    }

    @Test func `a struct without members is an empty record`() throws {
        struct Nothing: SignatureValue {}
        #expect(try Nothing.signatureType == "{}")
    }

    @Test func `members have the names of their coding keys`() throws {
        struct Keyed: SignatureValue {
            let userID: String
            enum CodingKeys: String, CodingKey { case userID = "user_id" }
        }
        #expect(try Keyed.signatureType == "{user_id: string}")
    }

    @Test func `a name that signatures do not have is refused`() {
        struct Keyed: SignatureValue {
            let userID: String
            enum CodingKeys: String, CodingKey { case userID = "user-id" }
        }
        #expect { try Keyed.signatureType } throws: {
            "\($0)".hasPrefix("the member 'user-id' of Keyed cannot be named")
        }
    }

    @Test func `an enumeration has the type of its raw values`() throws {
        #expect(try Level.signatureType == "i64")
        #expect(try Level?.signatureType == "i64?")
    }

    @Test func `an enumeration that lists no cases is refused, and the error says what to do`() {
        enum Size: String, Codable { case small }
        struct Box: SignatureValue {
            let size: Size
        }
        #expect { try Box.signatureType } throws: {
            "\($0)".hasPrefix("Size (in .size) refuses placeholder values") && "\($0)".contains("CaseIterable")
        }
    }

    @Test func `an enumeration with associated values is refused`() {
        enum Choice: SignatureValue {
            case one(Int)
            case two
        }
        #expect { try Choice.signatureType } throws: { "\($0)".hasPrefix("Choice has no type in signatures") }
    }

    @Test func `a type that refuses placeholders names a sample`() throws {
        struct Name: Codable, Sendable, SignatureSample {
            let text: String
            static var signatureSample: Name { Name(text: "x") }
            init(text: String) { self.text = text }
            init(from decoder: any Decoder) throws {
                text = try decoder.singleValueContainer().decode(String.self)
                if text.isEmpty { throw Problem.invalid("empty") }
            }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.singleValueContainer()
                try container.encode(text)
            }
        }
        struct Person: SignatureValue {
            let name: Name
            let age: UInt32
        }
        #expect(try Person.signatureType == "{name: string, age: u32}")
    }

    @Test func `a type that contains itself is refused`() {
        struct Node: SignatureValue {
            let children: [Node]
        }
        #expect { try Node.signatureType } throws: {
            "\($0)" == "Node contains itself; use JSON for this member of it (in .children[0])"
        }
    }

    @Test func `small integers are refused`() {
        struct Octets: SignatureValue {
            let data: [UInt8]
        }
        #expect { try Octets.signatureType } throws: {
            "\($0)" == "UInt8 (in .data[0]) has no type in signatures; use UInt32, or Binary for bytes"
        }
    }

    @Test func `a decoder that asks whether a member exists makes it optional`() throws {
        struct Careful: SignatureValue {
            var count = 0
            enum CodingKeys: CodingKey { case count }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                if container.contains(.count) { count = try container.decode(Int.self, forKey: .count) }
            }
        }
        #expect(try Careful.signatureType == "{count: i64?}")
    }

    @Test func `a member that is read as two types is refused`() {
        struct Either: SignatureValue {
            let id: String
            enum CodingKeys: CodingKey { case id }
            init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: CodingKeys.self)
                _ = try? container.decode(Int.self, forKey: .id)
                id = try container.decode(String.self, forKey: .id)
            }
        }
        #expect { try Either.signatureType } throws: {
            "\($0)" == "Either (in .id) is read as i64 and as string; use JSON"
        }
    }
}
