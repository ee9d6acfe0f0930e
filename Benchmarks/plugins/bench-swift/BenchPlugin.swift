import JackfieldPlugin

/// The application of the benchmarks as a Swift plugin: as `bench.c`, written in the usual way of the SDK. The handlers
/// run on the strand, the default.
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

    /// `JSON` copies the argument unchanged.
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
