import EngineIO
import FuzzSupport

/// The input is a script of actions of clients and the server, each one byte and its arguments: see ``World/step(_:)``.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    let world = World()
    var steps = 0
    while !script.isAtEnd, steps < 400 {
        world.step(&script)
        world.check()
        steps += 1
    }
    world.end()
    return 0
}
