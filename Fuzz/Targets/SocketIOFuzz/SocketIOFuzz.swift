import FuzzSupport

/// The input is a script of actions, each one byte and its arguments: see ``World/step(_:)``. The first byte switches
/// recovery on or off.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    var script = ByteScript(UnsafeRawBufferPointer(start: start, count: count))
    guard let world = World(recovers: script.bool()) else { return 0 }
    var steps = 0
    while !script.isAtEnd, steps < 300 {
        world.step(&script)
        world.check()
        steps += 1
    }
    world.end()
    return 0
}
