import JackfieldPlugin

final class Greeter: Plugin {
    static let name = "hello-swift", version = "1.0.0"
    var greeted = 0
    init(host: JackfieldHost) throws {}
    static func declare(_ io: Declarations<Greeter>) {
        io.on("hello", Greeter.hello)
    }

    func hello(_ socket: Socket) -> String {
        greeted += 1
        return "hello, \(socket.user ?? "stranger"): you are number \(greeted)"
    }
}

@c @implementation
public func jf_plugin_main(_ boot: UnsafePointer<jf_boot>?, _ plugin: UnsafeMutablePointer<jf_plugin>?) -> Int32 {
    Greeter.main(boot, plugin)
}
