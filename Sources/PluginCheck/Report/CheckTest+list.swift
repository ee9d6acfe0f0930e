import RawJSON

extension CheckTest {
    /// All tests: `[{"name", "group", "title", "remedy"}]`.
    public static var listAsJSON: String {
        var json = JSONWriter()
        json.beginArray()
        for test in all {
            json.beginObject()
            json.text(test.name, key: "name")
            json.text(test.group.rawValue, key: "group")
            json.text(test.title, key: "title")
            json.text(test.remedy, key: "remedy")
            json.endObject()
        }
        json.endArray()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
