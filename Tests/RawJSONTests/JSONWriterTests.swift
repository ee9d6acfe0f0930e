import RawJSON
import Support
import Testing

@Suite("JSON writer")
struct JSONWriterTests {
    @Test("commas are written between values only, at every level of nesting")
    func nesting() {
        var json = JSONWriter(reserving: 16)
        json.beginArray()
        json.beginObject()
        json.endObject()
        json.beginObject()
        json.beginArray("a")
        json.endArray()
        json.beginObject("b")
        json.integer(1, key: "c")
        json.endObject()
        json.name("d")
        json.beginArray()
        json.boolean(true)
        json.null()
        json.endArray()
        json.endObject()
        json.integer(UInt64.max)
        json.endArray()
        #expect(
            String(decoding: json.bytes, as: UTF8.self)
                == #"[{},{"a":[],"b":{"c":1},"d":[true,null]},18446744073709551615]"#)
    }

    @Test("names and texts are escaped, raw JSON is copied, and empty raw JSON is null")
    func members() {
        let name: StaticString = "s\""
        var json = JSONWriter()
        json.beginObject()
        json.text("\u{1}\"\\/é\u{7F}\n", key: "t\t")
        json.name(name)
        json.text(ByteString("x"))
        json.name(quoted: #""\u0061""#.utf8)
        json.raw("[ 1 ]".utf8)
        json.raw([], key: "none")
        json.endObject()
        #expect(
            String(decoding: json.bytes, as: UTF8.self) == #"{"t\t":"\u0001\"\\/é"# + "\u{7F}"
                + #"\n","s\"":"x","\u0061":[ 1 ],"none":null}"#)
    }
}
