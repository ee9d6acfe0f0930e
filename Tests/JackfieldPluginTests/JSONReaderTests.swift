import Foundation
import Testing

@testable import JackfieldPlugin

@Suite struct JSONReaderTests {
    private struct Everything: Codable, Equatable {
        enum Colour: String, Codable { case red, green }
        struct Inner: Codable, Equatable {
            let deep: [[Int?]]
        }
        let text: String
        let flag: Bool
        let small: Int8
        let large: UInt64
        let fraction: Double
        let money: Decimal
        let colour: Colour
        let when: Date
        let blob: Data
        let link: URL
        let inner: Inner
        let map: [String: Int]
        let optional: String?
    }

    private let everything = Everything(
        text: "a\"\n\u{1}ä😀", flag: true, small: -128, large: .max, fraction: 1.5, money: Decimal(string: "12.34")!,
        colour: .green,
        when: Date(timeIntervalSince1970: 1.5), blob: Data([1, 2, 3]), link: URL(string: "https://example.org/a?b=c")!,
        inner: .init(deep: [[], [1, nil, 3]]), map: ["x": 1, "y/~": 2], optional: nil)

    @Test(
        "a key of more than 1,024 bytes is an error in a dictionary, and ignored by a type with fixed members")
    func longKeys() throws {
        struct Named: Decodable {
            let a: Int
        }
        let text = #"{"a":1,"\#(String(repeating: "k", count: 1025))":2}"#
        #expect(try JSON(parsing: text).decode(Named.self).a == 1)
        #expect {
            try JSON(parsing: text).decode([String: Int].self)
        } throws: { "\($0)".contains("a key has 1025 bytes, more than 1024") }
        #expect(try JSON(parsing: #"{"a":null,"b":2}"#).decode([String: Int?].self) == ["a": nil, "b": 2])
        #expect(throws: Problem.self) { try JSON(parsing: #"{"a":null}"#).decode([String: Int].self) }
    }

    @Test("keys that are canonically equivalent in Unicode are different members", arguments: [0, 20])
    func equivalentKeys(others: Int) throws {
        struct Input: Decodable {
            let K: Int
        }
        let more = (0..<others).map { #","m\#($0)":0"# }.joined()
        #expect(try JSON(parsing: #"{"K":1,"\#("\u{212A}")":2\#(more)}"#).decode(Input.self).K == 1)
    }

    @Test func `an encoded value is decoded unchanged`() throws {
        #expect(try JSON(encoding: everything).decode() == everything)
    }

    private func words<T: Decodable>(_ text: String, _ type: T.Type) throws -> String {
        let json = try JSON(parsing: text)
        do {
            return "read \(try json.decode(type, named: "it"))"
        } catch let problem as Problem {
            return problem.message
        }
    }

    private struct Line: Decodable {
        struct Item: Decodable {
            let price: Double
        }
        let items: [Item]
    }

    @Test(arguments: [
        (#"{}"#, "it.items is missing"),
        (#"[]"#, "it must be an object"),
        (#"{"items":null}"#, "it.items is null; it must be a list"),
        (#"{"items":{}}"#, "it.items must be a list"),
        (#"{"items":[{"price":1},{"price":"x"}]}"#, "it.items[1].price must be a number"),
        (#"{"items":[{"price":1},7]}"#, "it.items[1] must be an object"),
        (#"{"items":[{"price":1e999}]}"#, "it.items[0].price is wrong: the number is too large"),
    ])
    func `an error names the place`(text: String, message: String) throws {
        #expect(try words(text, Line.self) == message)
    }

    @Test(arguments: [
        ("127", "read 127"), ("1.0", "read 1"), ("1e2", "read 100"), ("-0", "read 0"),
        ("128", "it is wrong: it must be from -128 to 127"),
        ("1.5", "it must be a whole number"), ("1e999", "it is wrong: it must be from -128 to 127"),
        (#""1""#, "it must be a whole number"),
        ("true", "it must be a whole number"),
    ])
    func `whole numbers are exact`(text: String, result: String) throws {
        #expect(try words(text, Int8.self) == result)
    }

    @Test func `of equal keys the last one counts, also if one is escaped`() throws {
        #expect(try JSON(parsing: #"{"a":1,"\u0061":2}"#).decode([String: Int].self) == ["a": 2])
    }

    @Test(arguments: [0, 15, 16, 40]) func `members are found in small and in large objects`(others: Int) throws {
        struct Item: Decodable, Equatable {
            let a: Int
            let title: String
            let flag: Bool?
            let ratio: Double?
            let raw: JSON?
        }
        let more = (0..<others).map { "\"k\($0)\":\($0)," }.joined()
        let text = #"{"a":1,"title":"first",\#(more)"\u0061":2,"flag":null,"raw":{"x" : 1},"title":"\u00e4\n"}"#
        let item = try JSON(parsing: text).decode(Item.self)
        #expect(item == Item(a: 2, title: "ä\n", flag: nil, ratio: nil, raw: try JSON(parsing: #"{"x" : 1}"#)))
        #expect(try JSON(parsing: text).decode([String: JSON].self).count == 5 + others - 1)
    }

    @Test(arguments: [
        (#"{"a":"1","title":"x"}"#, "it.a must be a whole number"), (#"{"a":1}"#, "it.title is missing"),
        (#"{"a":1,"title":null}"#, "it.title is null; it must be text"),
        (#"{"a":1,"title":"x","flag":0}"#, "it.flag must be true or false"),
        (#"{"a":1,"title":"x","ratio":"1"}"#, "it.ratio must be a number"),
    ])
    func `an error of a member of a basic type names it`(text: String, message: String) throws {
        struct Item: Decodable {
            let a: Int
            let title: String
            let flag: Bool?
            let ratio: Double?
        }
        #expect(try words(text, Item.self) == message)
    }

    @Test func `an object of 50,000 members is read without quadratic cost`() throws {
        let text = "{" + (0..<50_000).map { "\"k\($0)\":\($0)" }.joined(separator: ",") + "}"
        #expect(try JSON(parsing: text).decode([String: Int].self).count == 50_000)
    }

    @Test func `a placeholder without its attachment is an error`() throws {
        #expect(try words(#"{"_placeholder":true,"num":0}"#, Binary.self) == "it is wrong: no such attachment")
    }

    @Test func `nested and super containers are decoded`() throws {
        class Base: Decodable {
            let a: Int
        }
        final class Derived: Base {
            enum Keys: String, CodingKey { case b }
            let b: [String]
            required init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                var list = try container.nestedUnkeyedContainer(forKey: .b)
                var b: [String] = []
                while !list.isAtEnd {
                    if try list.decodeNil() { b.append("nothing") } else { b.append(try list.decode(String.self)) }
                }
                self.b = b
                #expect(throws: DecodingError.self) { try list.decode(Int.self) }
                try super.init(from: container.superDecoder())
            }
        }
        let derived = try JSON(parsing: #"{"b":["x",null],"super":{"a":7}}"#).decode(Derived.self)
        #expect(derived.a == 7 && derived.b == ["x", "nothing"])
    }
}
