import FuzzSupport

/// What up to three connections send: bytes as they are, and five that mean something else. `FF n`: from here
/// on connection n. `FE`: what was given so far is one read. `FD n`: time passes. `FC`: the connection is
/// gone. `FB n`: the application answers what it put off. `{sid}` stands for the id of the session opened
/// last, which nobody can guess.
@c(LLVMFuzzerTestOneInput)
public func fuzz(_ start: UnsafeRawPointer?, _ count: Int) -> CInt {
    let input = Array(UnsafeRawBufferPointer(start: start, count: count))
    guard let host = Host.shared else { return 0 }
    let world = host.onLoop { World(host) }
    var at = 0
    while at < input.count {
        let part = input[at...].prefix { $0 < 0xFB }
        at += part.count
        host.onLoop { world.collect(part) }
        guard at < input.count else { break }
        let act = input[at]
        let argument = at + 1 < input.count ? input[at + 1] : 0
        at += act == 0xFE || act == 0xFC ? 1 : 2
        // The tick of the loop ends in between.
        host.onLoop { world.act(act, argument) }
        host.onLoop { world.hear() }
    }
    host.onLoop { world.act(0xFE, 0) }
    host.onLoop { world.end() }
    host.onLoop { world.checkNothingIsLeft() }
    return 0
}
