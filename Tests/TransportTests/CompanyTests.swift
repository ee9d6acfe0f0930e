import Testing

@testable import Transport

@Suite struct CompanyTests {
    /// The answers to so many questions.
    private func ask(_ company: inout Company, _ count: Int) -> [Bool] {
        (0..<count).map { _ in company.isExpected() }
    }

    @Test func `a new loop looks at once`() {
        var company = Company()
        #expect(ask(&company, 1) == [true])
    }

    @Test func `where there was none, answers go out at once, and one in 65 waits to look again`() {
        var company = Company()
        for _ in 0..<3 {
            #expect(ask(&company, 1) == [true])
            company.note(false)
            #expect(!ask(&company, 64).contains(true))
        }
    }

    @Test func `where there was company it is expected, until a tick is without`() {
        var company = Company()
        company.note(true)
        #expect(!ask(&company, 200).contains(false))
        company.note(false)
        #expect(ask(&company, 1) == [false])
        company.note(true)
        #expect(ask(&company, 1) == [true])
    }
}
