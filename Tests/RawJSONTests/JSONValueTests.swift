import Foundation
import RawJSON
import Testing

@Suite("JSON value")
struct JSONValueTests {
    @Test("a document is parsed to a tree, with numbers as they were written")
    func parsing() throws {
        let value = try JSONValue(parsing: #" {"s":"a\n","n":1.50,"t":true,"z":null,"a":[1,[]],"o":{"k":{}}} "#)
        #expect(
            value == [
                "s": "a\n", "n": .number("1.50"), "t": true, "z": nil, "a": [1, []], "o": ["k": [:]],
            ])
        #expect(value["s"]?.string == "a\n")
        #expect(value["n"]?.number == .double(1.5))
        #expect(value["t"]?.bool == true)
        #expect(value["a"]?.array?.count == 2)
        #expect(value["o"]?.object?.first?.key == "k")
        #expect(value["x"] == nil)
        #expect(value["s"]?["x"] == nil)
        #expect(
            value["s"]?.number == nil && value["n"]?.string == nil && value["n"]?.bool == nil
                && value["n"]?.array == nil && value["n"]?.object == nil)
        #expect([value, "", 1, true, nil, []].map(\.kind) == [.object, .string, .number, .bool, .null, .array])
    }

    @Test("serialized and parsed again, a document is the same, without white space")
    func roundTrip() throws {
        let text = #"{"a":[1,-2.50e+3,"x\"y",null,{"b":false,"b":true}],"":""}"#
        #expect(try JSONValue(parsing: text).description == text)
        #expect(try JSONValue(parsing: "[ 1 , { \"a\" : 2 } ]").description == #"[1,{"a":2}]"#)
    }

    @Test("of duplicate keys the last one is returned, and all are kept")
    func duplicates() throws {
        let value = try JSONValue(parsing: #"{"a":1,"a":2}"#)
        #expect(value["a"] == 2)
        #expect(value.object?.count == 2)
    }

    @Test("numbers are written as in JavaScript")
    func numbers() {
        #expect(JSONValue.double(1).description == "1")
        #expect(JSONValue.double(1.5).description == "1.5")
        #expect(JSONValue.double(-0.25).description == "-0.25")
        #expect(JSONValue.double(.infinity) == .null)
        #expect(JSONValue.double(.nan) == .null)
        #expect(JSONValue.integer(UInt64.max).description == "18446744073709551615")
        for value in [1e300, 2.5e-308, .greatestFiniteMagnitude, 1e21, 0.1] {
            #expect(JSONScanner.isValid(JSONValue.double(value).serialized))
            #expect(JSONValue.double(value).number?.double == value)
        }
    }

    @Test("the deepest document allowed parses, a deeper one is an error")
    func depth() throws {
        let deepest = String(repeating: "[", count: 128) + String(repeating: "]", count: 128)
        #expect(try JSONValue(parsing: deepest).description == deepest)
        #expect(throws: JSONSyntaxError.self) { try JSONValue(parsing: "[" + deepest + "]") }
    }

    @Test("Foundation reads the same from serialized values")
    func foundationReadsIt() throws {
        let value: JSONValue = ["text": "é\u{1}\"\\\u{2028}😀", "list": [1, 2.5.asJSON, true, nil]]
        let object = try JSONSerialization.jsonObject(with: Data(value.serialized)) as? [String: Any]
        #expect(object?["text"] as? String == "é\u{1}\"\\\u{2028}😀")
        #expect((object?["list"] as? [Any])?.count == 4)
    }
}

extension Double {
    fileprivate var asJSON: JSONValue { .double(self) }
}
