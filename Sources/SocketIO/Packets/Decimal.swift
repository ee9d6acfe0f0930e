/// Numbers as the digits people write.
enum Decimal {
    /// How many digits `number` has.
    @inline(__always)
    static func count(_ number: UInt64) -> Int {
        var count = 1
        var rest = number
        while rest >= 10 {
            rest /= 10
            count &+= 1
        }
        return count
    }
}
