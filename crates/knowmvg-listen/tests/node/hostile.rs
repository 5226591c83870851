//! Peers that break the protocol: the node says goodbye to them and goes on.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::scu::EXPLICIT;
use crate::{Running, SAMPLE, hl7, report, scu};

const NOWHERE: &str = "[[deliver]]\nname = \"x\"\nstow = { url = \"http://127.0.0.1:9/rs\" }\n";
const DX: &str = "1.2.840.10008.5.1.4.1.1.1.1";
const VERIFICATION: &str = "1.2.840.10008.1.1";

/// Sends bytes and waits until the node hangs up, at most a short while.
fn poke(address: SocketAddr, bytes: &[u8]) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    drop(stream.write_all(bytes));
    drop(stream.shutdown(std::net::Shutdown::Write));
    drop(stream.read(&mut [0; 1024]));
}

fn still_works(node: &Running) {
    let mut association =
        scu::associate(node.dicom, "KNOWMVG", VERIFICATION, EXPLICIT).expect("the node still answers");
    scu::send(&mut association, scu::command(0x30, 0x101, VERIFICATION, ""));
    assert_eq!(scu::status(&mut association), Some(0));
    assert!(hl7(node.hl7, &report("", "", "x")).contains("MSA|AR|"));
}

#[test]
fn noise_and_broken_messages_do_no_harm() {
    let node = Running::start("timeout_seconds = 2", NOWHERE);
    let mut rng = StdRng::seed_from_u64(7);
    // The first bytes of an association request, of a TLS handshake, of a PDU that claims 4 GiB, and of HTTP.
    let starts: [&[u8]; 5] = [
        &[1, 0, 0, 0, 0, 68, 0, 1],
        &[22, 3, 1, 2, 0],
        &[4, 0, 255, 255, 255, 255],
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x0bMSH|",
    ];
    for round in 0..60 {
        let mut bytes = starts[round % starts.len()].to_vec();
        bytes.extend((0..rng.random_range(0..300)).map(|_| rng.random::<u8>()));
        poke(node.dicom, &bytes);
        poke(node.hl7, &bytes);
    }
    still_works(&node);
}

#[test]
fn data_before_a_command_and_endless_commands_end_the_association() {
    use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
    let node = Running::start("", NOWHERE);
    let cases: [&[(PDataValueType, usize)]; 3] = [
        &[(PDataValueType::Data, 10)],
        &[(PDataValueType::Command, 16_000), (PDataValueType::Command, 16_000)],
        &[(PDataValueType::Command, 7)],
    ];
    for (case, fragments) in cases.iter().enumerate() {
        let mut association = scu::associate(node.dicom, "KNOWMVG", DX, EXPLICIT).unwrap();
        let context = association.presentation_contexts()[0].id;
        for (kind, length) in *fragments {
            let value = PDataValue {
                presentation_context_id: context,
                value_type: kind.clone(),
                is_last: case == 2,
                data: vec![7; *length],
            };
            drop(association.send(&Pdu::PData { data: vec![value] }));
        }
        assert_eq!(scu::status(&mut association), None, "case {case}");
    }
    still_works(&node);
}

#[test]
fn damaged_objects_are_refused_or_taken_and_never_stop_the_node() {
    let node = Running::start("", NOWHERE);
    let mut rng = StdRng::seed_from_u64(11);
    for _ in 0..12 {
        let mut file = SAMPLE[..4096].to_vec();
        for _ in 0..6 {
            let at = rng.random_range(400..file.len());
            file[at] = rng.random();
        }
        let status = scu::store(node.dicom, &file);
        assert!(matches!(status, Some(0 | 0xc000 | 0x0122)), "{status:?}");
    }
    still_works(&node);
}
