import Testing

@testable import Daemon

@Suite("Configuration scalar")
struct ConfigurationScalarTests {
    @Test(
        "plain scalars are typed by YAML 1.2",
        arguments: [
            ("", ConfigurationScalar.null), ("~", .null), ("null", .null), ("true", .boolean(true)), ("FALSE", .boolean(false)),
            ("yes", .text("yes")), ("no", .text("no")), ("on", .text("on")), ("12", .integer(12)), ("-3", .integer(-3)),
            ("+4", .integer(4)), ("0x1F", .integer(31)), ("0o17", .integer(15)), ("010", .integer(10)), ("1.5", .number(1.5)),
            ("1e6", .number(1_000_000)), (".inf", .number(.infinity)), ("-.inf", .number(-.infinity)), ("nan", .text("nan")),
            ("infinity", .text("infinity")), ("1_000", .text("1_000")), ("12:30", .text("12:30")), ("e", .text("e")),
            ("99999999999999999999", .number(1e20)), ("2020-01-01", .text("2020-01-01")), ("0x1p3", .text("0x1p3")),
        ])
    func plain(text: String, scalar: ConfigurationScalar) {
        #expect(ConfigurationScalar(plain: text) == scalar)
    }
}
