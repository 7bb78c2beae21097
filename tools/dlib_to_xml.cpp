// Prints dlib's face recognition network, read from the file it was published in, as XML.
//
//     g++ -std=c++14 -O1 dlib_to_xml.cpp -ldlib -o dlib_to_xml && ./dlib_to_xml FILE.dat > net.xml
//
// The type below is the network of dlib's example dnn_face_recognition_ex.cpp: a ResNet with 29
// convolutions whose batch norms are frozen to affine layers.

#include <dlib/dnn.h>

#include <iostream>

using namespace dlib;

template <int n, int stride, typename below>
using block = affine<con<n, 3, 3, 1, 1, relu<affine<con<n, 3, 3, stride, stride, below>>>>>;

template <int n, typename below>
using same = relu<add_prev1<block<n, 1, tag1<below>>>>;

template <int n, typename below>
using down = relu<add_prev2<avg_pool<2, 2, 2, 2, skip1<tag2<block<n, 2, tag1<below>>>>>>>;

template <typename below> using stem = max_pool<3, 3, 2, 2, relu<affine<con<32, 7, 7, 2, 2, below>>>>;
template <typename below> using level32 = same<32, same<32, same<32, below>>>;
template <typename below> using level64 = same<64, same<64, same<64, down<64, below>>>>;
template <typename below> using level128 = same<128, same<128, down<128, below>>>;
template <typename below> using level256 = down<256, same<256, same<256, down<256, below>>>>;

using network = loss_metric<fc_no_bias<128, avg_pool_everything<
    level256<level128<level64<level32<stem<input_rgb_image_sized<150>>>>>>>>>;

int main(int argc, char** argv)
{
    if (argc != 2) {
        std::cerr << "usage: dlib_to_xml FILE.dat > net.xml\n";
        return 2;
    }
    network net;
    deserialize(argv[1]) >> net;
    std::cout.precision(9);  // enough digits for a float32 to come back as it was
    net_to_xml(net, std::cout);
}
