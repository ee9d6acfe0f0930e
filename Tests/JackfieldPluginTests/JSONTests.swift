import Foundation
import Testing

@testable import JackfieldPlugin

@Suite struct JSONTests {
    @Test func `an error shows only the beginning of a long text`() {
        let long = "a" + String(repeating: "\u{301}", count: 4000)
        #expect { try JSON(parsing: long) } throws: { "\($0)".utf8.count < 200 }
        #expect { try JSON(parsing: "{\"\(long)\":\"\"}").decode([String: Int].self) } throws: {
            "\($0)".utf8.count < 200
        }
    }

    private struct Nested: Codable, Equatable {
        let raw: JSON
        let list: [JSON]
        let more: JSON?
    }

    @Test func `raw members keep their text`() throws {
        let text = #"{"x":[{"raw": {"b" : 1.0, "a":"\u00e4,]}"} , "list":[ 1e3 ,"\"", [ ] ],"more":null}]}"#
        let decoded = try JSON(parsing: text).decode([String: [Nested]].self)
        let nested = try #require(decoded["x"]?.first)
        #expect(nested.raw.description == #"{"b" : 1.0, "a":"\u00e4,]}"}"#)
        #expect(nested.list.map(\.description) == ["1e3", #""\"""#, "[ ]"])
        #expect(nested.more == nil)
        #expect(
            try JSON(encoding: nested).description == #"{"raw":{"b" : 1.0, "a":"\u00e4,]}"},"list":[1e3,"\"",[ ]]}"#)
    }

    @Test func `members keep their order`() throws {
        struct Row: Encodable {
            let zebra = 1, apple = "a\"\n\u{1}ä", middle: Int? = nil, list = [1.5, 2.0, 1e300], flag = true
        }
        #expect(
            try JSON(encoding: Row()).description
                == #"{"zebra":1,"apple":"a\"\n\u0001ä","list":[1.5,2,1e+300],"flag":true}"#)
    }

    @Test func `dates are RFC 3339 and data is base64`() throws {
        #expect(try JSON(encoding: [Date(timeIntervalSince1970: 1.5)]).description == #"["1970-01-01T00:00:01.500Z"]"#)
        #expect(try JSON(encoding: Data([1, 2])).description == #""AQI=""#)
        #expect(try JSON(encoding: UInt64.max).description == "18446744073709551615")
    }

    @Test func `infinity cannot be encoded`() {
        #expect(throws: EncodingError.self) { try JSON(encoding: ["x": Double.infinity]) }
    }

    @Test func `nested containers are encoded in the place where they were made`() throws {
        struct Odd: Encodable {
            enum Keys: String, CodingKey { case a, b }
            func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Keys.self)
                var list = container.nestedUnkeyedContainer(forKey: .a)
                try container.encode(2, forKey: .b)
                try list.encode(1)
                var inner = list.nestedContainer(keyedBy: Keys.self)
                try inner.encodeNil(forKey: .b)
            }
        }
        #expect(try JSON(encoding: Odd()).description == #"{"a":[1,{"b":null}],"b":2}"#)
    }

    @Test func `JSONObject writes members in the order in which they are set`() {
        var object = JSONObject()
        object.set("a", "x")
        object.set("b", nil as String?)
        object.set("c", 7)
        object.set("d", JSON.array([.null, .stored("{}")]))
        #expect(object.json.description == #"{"a":"x","b":null,"c":7,"d":[null,{}]}"#)
    }

    @Test(arguments: ["", "{", "[1,]", "nul", "\"", "[1] 2"]) func `text that is not JSON is refused`(text: String) {
        #expect(throws: Problem.self) { try JSON(parsing: text) }
    }

    @Test func `an argument is found by its index`() {
        #expect(JSON.argument(0, of: Array("[ 7 ]".utf8)).map { String(decoding: $0, as: UTF8.self) } == "7")
        #expect(JSON.argument(1, of: Array("[ 7 ]".utf8)) == nil)
    }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_790_000_000_042, "2026-09-21T14:13:20.042Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)])
    func `times are RFC 3339 in UTC`(milliseconds: Int64, text: String) {
        #expect(RFC3339.text(milliseconds: milliseconds) == text)
    }

    @Test func `durations are rounded up`() {
        #expect(Duration.milliseconds(5).milliseconds == 5)
        #expect(Duration.microseconds(1).milliseconds == 1)
        #expect(Duration.seconds(-1).milliseconds == 0)
    }
}
