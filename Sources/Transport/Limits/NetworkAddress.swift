import Glibc

/// Where a client comes from, as far as limits for each address go: an IPv4 address, or the first 64 bits of an IPv6 address, which is what one customer
/// of a provider has at the least.
struct NetworkAddress: Hashable, Sendable {
    private let bits: UInt64
    private let isV4: Bool

    /// - Parameter text: `127.0.0.1` or `::1`. What is no address at all is one address, the same for all.
    init(_ text: String) {
        var four = in_addr()
        if inet_pton(AF_INET, text, &four) == 1 {
            (bits, isV4) = (UInt64(four.s_addr), true)
            return
        }
        var six = in6_addr()
        guard inet_pton(AF_INET6, text, &six) == 1 else {
            (bits, isV4) = (0, false)
            return
        }
        (bits, isV4) = withUnsafeBytes(of: six) { bytes in
            let first = bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
            // ::ffff:a.b.c.d: an IPv4 client of a socket that listens for both.
            let isMapped = first == 0 && bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self) == UInt32(0xFFFF).bigEndian
            return isMapped ? (UInt64(bytes.loadUnaligned(fromByteOffset: 12, as: UInt32.self)), true) : (first, false)
        }
    }
}
