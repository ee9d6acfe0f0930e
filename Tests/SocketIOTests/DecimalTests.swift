import Testing

@testable import SocketIO

@Suite struct DecimalTests {
    @Test("counts the digits of a number", arguments: [(0, 1), (9, 1), (10, 2), (99, 2), (100, 3), (UInt64.max, 20)])
    func counts(number: UInt64, digits: Int) {
        #expect(Decimal.count(number) == digits)
    }
}
