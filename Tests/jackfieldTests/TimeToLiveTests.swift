import Testing

@testable import jackfield

@Suite("Time to live")
struct TimeToLiveTests {
    @Test("spans are read as people write them", arguments: [("90", 90), ("90s", 90), ("15m", 900), ("1h30m", 5400), ("7d", 604_800)])
    func read(text: String, seconds: Int64) {
        #expect(TimeToLive(argument: text)?.seconds == seconds)
    }

    @Test("the default reads as one would write it", arguments: [(3600, "1h"), (5400, "90m"), (61, "61s"), (172_800, "2d")])
    func described(seconds: Int64, text: String) {
        #expect(TimeToLive(seconds: seconds).defaultValueDescription == text)
    }

    @Test("anything else is refused", arguments: ["", "0", "0s", "-1", "h", "1x", "1h30", "1 h", "9999999999999999999s", "9223372036854775807d", "9223372036854775807", "99999d", "1\u{662}s"])
    func refused(text: String) {
        #expect(TimeToLive(argument: text) == nil)
    }
}
