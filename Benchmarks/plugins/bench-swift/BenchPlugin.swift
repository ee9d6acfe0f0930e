import JackfieldPlugin

/// The application of the benchmarks as a Swift plugin: what `bench.c` does, written as anybody would write it with the
/// SDK. On the strand, as plugins are by default.
final class BenchPlugin: Plugin {
    static let name = "bench-swift", version = "1.0.0"

    private let host: JackfieldHost

    init(host: JackfieldHost) throws {
        self.host = host
    }

    static func declare(_ io: Declarations<BenchPlugin>) {
        io.on("echo", BenchPlugin.echo)
        io.on("ping", BenchPlugin.ping)
        io.on("publish", BenchPlugin.publish)
    }

    /// `JSON` passes the argument on as it came.
    func echo(_ socket: Socket, _ event: borrowing Event) throws {
        try socket.emit("echo", event.decode(JSON.self))
    }

    func ping(_ socket: Socket, _ event: borrowing Event) throws {
        try event.ackArguments()
    }

    func publish(_ socket: Socket, _ event: borrowing Event) throws {
        try host.emit("message", event.decode(JSON.self))
    }
}

@c @implementation
public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
    BenchPlugin.main(boot, plugin)
}
