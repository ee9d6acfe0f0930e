import Testing

@testable import Transport

@Suite struct HTTPExchangeTests {
    /// A request whose body has not come.
    private func exchange(_ framing: String) throws -> HTTPExchange {
        var parser = HTTPRequestParser(limits: .init(bytes: 16_384, fields: 100))
        let head = Array("POST / HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n".utf8).withUnsafeBytes { bytes in
            var input = bytes
            return if case .head(let head) = parser.next(&input) { head } else { nil as HTTPRequestHead? }
        }
        return HTTPExchange(head: try #require(head), bodyLimit: 1_000_000, handler: nil)
    }

    @Test(arguments: ["Content-Length: 1000000", "Transfer-Encoding: chunked"])
    func `a large body is moved seldom, and has no more room than it can need`(_ framing: String) throws {
        let exchange = try exchange(framing)
        let piece = [UInt8](repeating: 1, count: 4_000)
        var capacities: Set<Int> = []
        for _ in 0..<250 {
            piece.withUnsafeBytes { exchange.append($0) }
            capacities.insert(exchange.body.capacity)
        }
        #expect(exchange.body.count == 1_000_000)
        #expect(capacities.count < 8)
        #expect(exchange.body.capacity < 1_010_000)
    }

    @Test func `what is announced takes no room before some of it has come`() throws {
        let exchange = try exchange("Content-Length: 1000000")
        [UInt8](repeating: 1, count: 4_000).withUnsafeBytes { exchange.append($0) }
        #expect(exchange.body.capacity < 10_000)
    }
}
