import RawJSON
import Testing

@testable import Signatures

@Suite("Strings and bytes in a contract")
struct ContractStringTests {
    @Test("a string may be empty, have 1 MB, and contain any escape")
    func strings() throws {
        let long = String(repeating: "x", count: 1 << 20)
        for text in ["", long, #"\u0000"#, #"\\\"\/\b\f\n\r\t"#, #"\ud83d\ude00"#, #"\ud800"#, "é😀", #"\\"#] {
            #expect(try violation(of: "(string)", in: "[\"\(text)\"]") == nil)
            #expect(try violation(of: "(string, i64)", in: "[\"\(text)\",1]") == nil)
            #expect(try violation(of: "(json, i64)", in: "[\"\(text)\",1]") == nil)
            #expect(try violation(of: "({a: string, ...})", in: #"[{"b":"\#(text)","a":"\#(text)"}]"#) == nil)
        }
    }

    @Test("a cstring is a string without U+0000")
    func cstrings() throws {
        for text in ["", String(repeating: "x", count: 1 << 20), #"\u0001"#, #"\\u0000"#, "00", #"\ud800\u0100"#] {
            #expect(try violation(of: "(cstring, i64)", in: "[\"\(text)\",1]") == nil)
        }
        for text in [#"\u0000"#, #"ab\u0000"#, #"\\\u0000x"#, #"\n\u0000"#] {
            #expect(
                try violation(of: "(cstring)", in: "[\"\(text)\"]")
                    == "argument 1: the string contains U+0000: expected cstring")
            #expect(try violation(of: "(cstring?)", in: "[\"\(text)\"]") != nil)
        }
        #expect(try violation(of: "(cstring)", in: "[1]") == "argument 1: expected cstring, got number")
    }

    @Test("bytes of a message are a placeholder of an attachment that is there")
    func attachments() throws {
        for json in [
            #"{"_placeholder":true,"num":0}"#, #"{ "num" : 1 , "_placeholder" : true }"#,
            #"{"_placeholder":true,"num":1.0}"#, #"{"_placeholder":false,"num":9,"num":1,"_placeholder":true}"#,
            #"{"_placeholder":true,"num":1,"x":[{}]}"#, #"{"\u005fplaceholder":true,"n\u0075m":1}"#,
        ] {
            #expect(try violation(of: "(bytes, i64)", in: "[\(json),1]", attachments: 2) == nil)
        }
        for json in [
            "{}", #"{"_placeholder":true}"#, #"{"num":0}"#, #"{"_placeholder":false,"num":0}"#,
            #"{"_placeholder":1,"num":0}"#, #"{"_placeholder":true,"num":"0"}"#,
            #"{"_placeholder":true,"num":0,"num":null}"#,
            #"{"_placeholder":true,"_placeholder":null,"num":0}"#,
        ] {
            #expect(
                try violation(of: "(bytes)", in: "[\(json)]", attachments: 2)
                    == "argument 1: the object is not an attachment's placeholder: expected bytes")
        }
        for number in ["2", "-1", "0.5", "1e400", "18446744073709551616"] {
            #expect(
                try violation(of: "(bytes)", in: #"[{"_placeholder":true,"num":\#(number)}]"#, attachments: 2)
                    == "argument 1: the message has no such attachment: expected bytes")
        }
        #expect(try violation(of: "(bytes)", in: #"["AAEC"]"#) == "argument 1: expected bytes, got string")
        #expect(try violation(of: "(bytes?)", in: "[null]") == nil)
    }

    @Test("bytes over HTTP are a string of base64")
    func base64() throws {
        for text in ["", "AA==", "AA", "AAE=", "AAE", "AAEC", "-_+/", #"\/\u002b\/\u002F"#, "AAECAw=="] {
            #expect(try violation(of: "(bytes, i64)", in: "[\"\(text)\",1]", binary: .base64) == nil)
        }
        for text in ["A", "A===", "AA=", "AAE==", "AAEC=", "=", "AA==AA==", "A A=", #"AA\n="#, "é", #"A\u0000=="#] {
            #expect(
                try violation(of: "(bytes)", in: "[\"\(text)\"]", binary: .base64)
                    == "argument 1: the string is not base64: expected bytes")
        }
        #expect(
            try violation(of: "(bytes)", in: #"[{"_placeholder":true,"num":0}]"#, attachments: 1, binary: .base64)
                == "argument 1: expected bytes, got object")
    }
}
