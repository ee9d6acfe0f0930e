import Support
import Testing

@Suite("User ids")
struct UserIDTests {
    @Test(
        "1 to 256 bytes without control characters are one",
        arguments: ["a", "K", "\u{212A}", String(repeating: "é", count: 128)])
    func good(user: String) {
        #expect(UserID.problem(ByteString(user)) == nil)
    }

    @Test(
        "anything else is refused with its reason",
        arguments: [
            ("", "is empty"), (String(repeating: "é", count: 129), "has 258 bytes, more than the 256 allowed"),
            ("a\0b", "holds a control character"),
            ("a\nb", "holds a control character"), ("\u{7F}", "holds a control character"),
        ])
    func bad(user: String, problem: String) {
        #expect(UserID.problem(ByteString(user)) == problem)
    }
}
