// swift-tools-version: 6.2
// swift build -c release && jackfield serve --plugin .build/release/libhello.so
import PackageDescription

let package = Package(
    name: "hello",
    products: [.library(name: "hello", type: .dynamic, targets: ["Greeter"])],
    // Outside this repository: .package(url: "…/jackfield", from: "…")
    dependencies: [.package(name: "jackfield", path: "../..")],
    targets: [
        .target(
            name: "Greeter", dependencies: [.product(name: "JackfieldPlugin", package: "jackfield")], path: "Sources")
    ]
)
