import JackfieldPlugin
import PluginStore
import Testing

@Suite struct PageTests {
    @Test func `a page has a cursor if there is a next page`() {
        #expect(Page(["c", "b", "a"], limit: 2, id: \.self).next == "b")
        #expect(Page(["b", "a"], limit: 2, id: \.self).next == nil)
        #expect(
            Page(["b"], limit: 1, id: \.self).json { .stored("\"\($0)\"") }.description
                == #"{"items":["b"],"next":null}"#)
    }

    @Test(arguments: [0, 201, -1]) func `limits out of bounds are refused`(limit: Int) {
        #expect(throws: Problem.invalid("limit must be from 1 to 200, not \(limit)")) {
            try PageQuery(after: nil, limit: limit)
        }
    }

    @Test func `an invalid cursor is refused`() {
        #expect(throws: Problem.self) { try PageQuery(after: "yesterday", limit: nil) }
        #expect(throws: Never.self) { try PageQuery(after: "01234567-89ab-7000-8000-000000000000", limit: nil) }
    }

    @Test func `lengths count Unicode scalars`() {
        #expect(throws: Never.self) { try TextRule(1...2).check("äö", "name") }
        #expect(throws: Problem.invalid("name must have 1 to 2 characters; it has 3")) {
            try TextRule(1...2).check("abc", "name")
        }
        #expect(throws: Problem.invalid("name must not contain the character U+0000")) {
            try TextRule(1...2).check("\0", "name")
        }
        #expect(throws: Never.self) { try TextRule(1...2).check("\n", "name") }
    }

    @Test func `a line has no control characters`() {
        for text in ["\0", "a\n", "\u{7F}"] {
            #expect(throws: Problem.invalid("name must not contain control characters")) {
                try TextRule.line(1...2).check(text, "name")
            }
        }
        #expect(throws: Never.self) { try TextRule.line(1...2).check("ü\u{AD}", "name") }
    }
}

@Suite struct TimeOrderedIDTests {
    @Test func `ids sort by time, also within a millisecond and when the clock goes back`() {
        let ids = TimeOrderedID()
        let made = (0..<10_000).map { index in
            ids.next(now: 1_790_000_000_000 + (index == 5000 ? -60_000 : Int64(index / 5000)))
        }
        #expect(made == made.sorted())
        #expect(Set(made).count == made.count)
    }

    @Test func `ids are UUIDs of version 7`() {
        let id = TimeOrderedID().next(now: 0x0123_4567_89AB)
        #expect(id.hasPrefix("01234567-89ab-7"))
        #expect("89ab".contains(id[id.index(id.startIndex, offsetBy: 19)]))
        #expect(TimeOrderedID.isValid(id))
    }

    @Test(arguments: [
        "", "x", "01234567-89ab-7000-8000-00000000000", "01234567-89AB-7000-8000-000000000000",
        "01234567189ab-7000-8000-00000000000",
    ])
    func `text of another form is no id`(text: String) {
        #expect(!TimeOrderedID.isValid(text))
    }
}
