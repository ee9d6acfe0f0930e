import EngineIO
import Glibc
import NIOCore
import NIOEmbedded
import SocketIO
import Transport

/// One HTTP connection to a plugin's routes and to Engine.IO, from the bytes of a read to the bytes of the answer:
/// everything that the event loop does, except the selector.
final class HTTPWorld {
    private static let capacity = 1 << 16
    private let answer = UnsafeMutableRawBufferPointer.allocate(byteCount: HTTPWorld.capacity, alignment: 16)
    private let channel = EmbeddedChannel()
    private let connection: LooseConnection
    /// The client's end of the socket pair.
    private let client: CInt

    init(_ http: any HTTPApplication) {
        var ends: [CInt] = [-1, -1]
        guard socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0, &ends) == 0,
            (try? channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()) != nil,
            let connection = try? LooseConnection(
                channel: channel, descriptor: ends[0], http: http,
                makeShard: { Shard(index: 0, timers: $0.timers, application: EchoApplication()) })
        else { fail("the benchmark's connection could not be made") }
        self.connection = connection
        client = ends[1]
    }

    deinit { answer.deallocate() }

    /// Sends a request and returns its answer, which is valid until the next call.
    func ask(_ request: [UInt8]) -> UnsafeRawBufferPointer {
        request.withUnsafeBytes { connection.received($0) }
        let count =
            readAnswer()
            ?? {
                // A busy loop sends an answer at the end of its tick.
                channel.embeddedEventLoop.run()
                return readAnswer()
            }()
        guard let count else { fail("a benchmark's request was not answered") }
        return UnsafeRawBufferPointer(rebasing: answer[..<count])
    }

    private func readAnswer() -> Int? {
        let count = recv(client, answer.baseAddress, answer.count, CInt(MSG_DONTWAIT))
        return count > 0 ? count : nil
    }

    /// Sends these requests in turn. Each answer must begin with the bytes given for it.
    func repeating(_ requests: [String], answers: [String]) -> (Int) -> Void {
        let (requests, answers) = (requests.map { Array($0.utf8) }, answers.map { Array($0.utf8) })
        return { [self] count in
            for _ in 0..<count {
                for index in requests.indices {
                    let answer = ask(requests[index])
                    let isExpected = answers[index].withUnsafeBytes { expected in
                        answer.count >= expected.count
                            && memcmp(answer.baseAddress!, expected.baseAddress!, expected.count) == 0
                    }
                    guard isExpected else {
                        fail("a benchmark's request was answered with \(String(decoding: answer, as: UTF8.self))")
                    }
                }
            }
        }
    }
}
