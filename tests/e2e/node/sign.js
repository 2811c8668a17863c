// sign.js MODULE SLOT PIN: logs in and signs with pkcs11js, and ends as many programs do: without C_Finalize.
const pkcs11js = require("pkcs11js");

const [path, slotIndex, pin] = process.argv.slice(2);
const module_ = new pkcs11js.PKCS11();
module_.load(path);
module_.C_Initialize();
const slot = module_.C_GetSlotList(true)[Number(slotIndex)];
const session = module_.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
module_.C_Login(session, pkcs11js.CKU_USER, pin);
module_.C_FindObjectsInit(session, [{ type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }]);
const key = module_.C_FindObjects(session);
module_.C_FindObjectsFinal(session);
module_.C_SignInit(session, { mechanism: pkcs11js.CKM_SHA256_RSA_PKCS }, key);
const signature = module_.C_Sign(session, Buffer.from("To be signed.\n"), Buffer.alloc(256));
require("fs").writeFileSync("signature", signature);
console.log("signed by Node " + process.version + " with OpenSSL " + process.versions.openssl);
if (process.argv[5] === "process.exit") process.exit(0);
