import PluginStore
import Testing

@Suite struct TimeOrderedIDTests {
    @Test func `ids sort by time, also within a millisecond and when the clock goes back`() {
        let ids = TimeOrderedID()
        let made = (0..<10_000).map { index in ids.next(now: 1_790_000_000_000 + (index == 5000 ? -60_000 : Int64(index / 5000))) }
        #expect(made == made.sorted())
        #expect(Set(made).count == made.count)
    }

    @Test func `ids are UUIDs of version 7`() {
        let id = TimeOrderedID().next(now: 0x0123_4567_89AB)
        #expect(id.hasPrefix("01234567-89ab-7"))
        #expect("89ab".contains(id[id.index(id.startIndex, offsetBy: 19)]))
        #expect(TimeOrderedID.isValid(id))
    }

    @Test(arguments: ["", "x", "01234567-89ab-7000-8000-00000000000", "01234567-89AB-7000-8000-000000000000", "01234567189ab-7000-8000-00000000000"])
    func `nonsense is no id`(text: String) {
        #expect(!TimeOrderedID.isValid(text))
    }
}
