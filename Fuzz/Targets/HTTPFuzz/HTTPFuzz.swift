import FuzzSupport

/// The input is what up to three connections send. Five bytes are commands. `FF n`: switch to connection n. `FE`: pass
/// the bytes so far as one read. `FD n`: advance the clock by n × 200 ms. `FC`: close the connection. `FB n`: the
/// application answers its pending requests. `{sid}` is replaced by the random id of the session opened last.
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
        // Two jobs, so that the loop's tick ends in between.
        host.onLoop { world.act(act, argument) }
        host.onLoop { world.hear() }
    }
    host.onLoop { world.act(0xFE, 0) }
    host.onLoop { world.end() }
    host.onLoop { world.checkNothingIsLeft() }
    return 0
}
